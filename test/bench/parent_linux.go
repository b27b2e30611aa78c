package main

import "syscall"

// endWithParent has the kernel end the process when this one ends, however it does.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
