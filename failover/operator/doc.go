// Package operator answers what people ask of failover: what would be, if groups or machines were other than they are; how long a group may be
// unserved at worst, by cause; and please move, now or later. It decides nothing by itself: it asks the plan, and commits what an operator chose.
package operator
