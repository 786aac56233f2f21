package state

import "holdfast/cluster"

// clusterIDKey is the key of the one ClusterID.
var clusterIDKey = keyOf("cluster")

// nameCluster sets the cluster ID, unless there is one.
func (w *writer) nameCluster(c *cluster.NameCluster) (string, error) {
	if err := cluster.CheckClusterID(c.ID); err != nil {
		return "", err
	}
	if had := found[ClusterID](w.txn, tableClusterID, clusterIDKey); had != nil {
		return had.ID, nil
	}
	w.put(tableClusterID, &ClusterID{ID: c.ID, ModifyIndex: w.index})
	return c.ID, nil
}

// ClusterID is the ID of the cluster, "" while it has none.
func (v *View) ClusterID() string {
	if c, ok := v.r.ask(tableClusterID, clusterIDKey).(*ClusterID); ok {
		return c.ID
	}
	return ""
}
