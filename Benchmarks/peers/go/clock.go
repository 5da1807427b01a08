package main

import (
	"syscall"
	"unsafe"
)

// The clock that all processes of the machine have in common; the library's own times cannot be compared between processes.
func monotonicNanoseconds() int64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	if _, _, problem := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0); problem != 0 {
		check(problem)
	}
	return now.Nano()
}
