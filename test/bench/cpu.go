package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// tick is the unit of CPU times in /proc (USER_HZ, proc(5)); it is the same on every Linux.
const tick = 10 * time.Millisecond

// usage is the CPU time that a process used, with that of children it waited for.
type usage struct {
	parent int
	cpu    time.Duration
}

// usageOf reads /proc/<pid>/stat.
func usageOf(pid int) (usage, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return usage{}, err
	}
	return parseStat(text)
}

// parseStat reads a line of /proc/<pid>/stat. The command, in parentheses, may hold anything.
func parseStat(text []byte) (usage, error) {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return usage{}, fmt.Errorf("stat of %d fields", len(fields))
	}
	var u usage
	var err error
	if u.parent, err = strconv.Atoi(string(fields[1])); err != nil {
		return usage{}, err
	}
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		ticks, err := strconv.Atoi(string(field))
		if err != nil {
			return usage{}, err
		}
		u.cpu += time.Duration(ticks) * tick
	}
	return u, nil
}

// cpuOf is what the processes used, with all their descendants.
func cpuOf(pids ...int) time.Duration {
	all := map[int]usage{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, name := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		if u, err := usageOf(pid); err == nil { // else it has just ended, and its parent counts it
			all[pid] = u
		}
	}
	var sum time.Duration
	for pid, u := range all {
		for p := pid; p > 1; p = all[p].parent {
			if slices.Contains(pids, p) {
				sum += u.cpu
				break
			}
		}
	}
	return sum
}
