// SPDX-License-Identifier: MIT
//
// M:N user threads: the same questions as in threads-models.c, to goroutines, which a run time in the program
// spreads over a few kernel threads; one of them at a time runs Go code here, as the others are pinned to one CPU.
//
//	threads-models-go [-n HOW_MANY] [-r ROUND_TRIPS]
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const blockFor = 50 * time.Millisecond

// The kernel's threads of this process, and its resident memory in KiB.
func status(name string) (value int) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return -1
	}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, name+":") {
			fmt.Sscan(line[len(name)+1:], &value)
		}
	}
	return value
}

func create(many int) {
	gate, done := make(chan bool), make(chan bool)
	var arrived atomic.Int64

	before, start := status("VmRSS"), time.Now()
	for i := 0; i < many; i++ {
		go func() {
			arrived.Add(1)
			<-gate
			done <- true
		}()
	}
	for arrived.Load() < int64(many) {
		runtime.Gosched()
	}
	us := float64(time.Since(start).Nanoseconds()) / 1e3 / float64(many)
	kib := float64(status("VmRSS")-before) / float64(many)
	threads := status("Threads")
	close(gate)
	for i := 0; i < many; i++ {
		<-done
	}
	fmt.Printf("goroutine %4d made in %8.2f us each, %6.2f KiB of RAM each, by %d kernel threads\n", many, us, kib, threads)
	fmt.Printf("lab: create model=goroutine many=%d us=%.3f kib=%.2f\n", many, us, kib)
	fmt.Printf("lab: kernel many=%d threads=%d\n", many, threads)
}

// How often this kernel thread has given up its CPU.
func switches() int64 {
	const rusageThread = 1
	var used syscall.Rusage

	syscall.Getrusage(rusageThread, &used)
	return used.Nvcsw
}

func switching(rounds int) {
	ping, pong := make(chan byte), make(chan byte)

	go func() {
		for b := range ping {
			pong <- b
		}
	}()
	before, start := switches(), time.Now()
	for i := 0; i < rounds; i++ {
		ping <- 1
		<-pong
	}
	us := float64(time.Since(start).Nanoseconds()) / 1e3 / float64(rounds)
	per := float64(switches()-before) / float64(rounds)
	close(ping)
	fmt.Printf("goroutine there and back in %8.3f us, %.2f switches by the kernel\n", us, per)
	fmt.Printf("lab: switch model=goroutine us=%.3f switches=%.3f\n", us, per)
}

// One goroutine sleeps in the kernel, where the run time can't take it off its thread: do the others go on?
func blocking() {
	var turns atomic.Int64
	var over atomic.Bool
	stopped := make(chan bool)

	go func() {
		for !over.Load() {
			turns.Add(1)
			runtime.Gosched()
		}
		stopped <- true
	}()
	runtime.Gosched()
	before, threads := turns.Load(), status("Threads")
	pause := syscall.NsecToTimespec(int64(blockFor))
	syscall.Nanosleep(&pause, nil)
	after := turns.Load()
	over.Store(true)
	<-stopped
	goesOn := 0
	if after > before {
		goesOn = 1
	}
	fmt.Printf("goroutine while one sleeps in the kernel, the other goes on: %v (%d kernel threads before, %d after)\n",
		goesOn == 1, threads, status("Threads"))
	fmt.Printf("lab: blocks model=goroutine others_go_on=%d\n", goesOn)
}

func main() {
	many := flag.Int("n", 200, "how many")
	rounds := flag.Int("r", 500, "round trips")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	create(*many)
	switching(*rounds)
	blocking()
}
