// Package kit is what the programs of the bench share: processes that are the sides of
// a measurement, their pinning, the counter that all of them stamp with, series of
// latencies, the description of the machine, and the report.
package kit
