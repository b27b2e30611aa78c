package conformance

import "syscall"

// endWithParent has the kernel interrupt the platform when this process ends: it ends by itself then, and its
// PostgreSQL with it.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
