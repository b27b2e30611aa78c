package cluster

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent has the kernel interrupt the process when this one ends; to PostgreSQL SIGINT is
// the fast shutdown.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// children are the processes that pid forked.
func children(pid int) []int {
	list, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children")
	if err != nil { // it has ended
		return nil
	}
	var pids []int
	for field := range strings.FieldsSeq(string(list)) {
		if child, err := strconv.Atoi(field); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}
