// Package witness concludes from questions and answers who served an address, when nobody did, and when two machines did at once.
//
// It is pure: package lab asks the questions (lab.Probe) and keeps the Record, and Record.Judge reads it. How it judges must stand up to
// everything that a busy computer does to an instrument, so it says only what is certain.
//
// All machines share one kernel and therefore one monotonic clock, and the answer to a datagram says when it was sent. So of each
// answer it is certain that the machine accepted the question between the moments when it was sent and when the answer was
// made, and that it let the answer out after that, before it was heard. (For ARP and neighbour discovery: that it did both between question and
// answer.) From these bounds follows:
//
//   - A machine has certainly served from the acceptance (at the latest) of one question to the reply (at the earliest) to a later one,
//     if it left none in between unanswered, and if there is no hole between the two in which it may have served nobody for longer than
//     Rules.MaxGap.
//   - Two machines have certainly served at once where such spans of both overlap, or where the whole of the window in which one of them
//     must have accepted or answered lies within a span of the other.
//
// However late the questions, the machines or the answers may be because the processor was busy elsewhere, these bounds only widen: an orderly
// move is never taken for two owners. (An address that leaves a machine and is back on it within MaxGap, 12 ms, would be.) What may be
// missed is an overlap shorter than the longest time from one question to the answer to the next, Report.Resolution. Overlaps closer together than
// MaxGap are counted as one, and each is as long as is certain: up to a period shorter than the truth at either end.
//
// An outage is the time between two answered questions of the client, from when the one was about to be sent until the other had been, if there
// were unanswered ones in between: up to two periods longer than the truth, and never shorter. A question that waited for longer than Rules.Patience counts as unanswered even
// if an answer came in the end: the client's kernel keeps datagrams while it looks for a hardware address, and would hide an outage. A
// client that was itself held up has asked nothing, and saw no outage.
package witness
