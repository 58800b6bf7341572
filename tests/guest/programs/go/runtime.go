// SPDX-License-Identifier: MIT
//
// What Go's own run-time library does without any C library: goroutines on threads, channels, timers,
// garbage collection, files, pipes to other programs, signals.
package main

import (
	"bufio"
	"fmt"
	"io/ioutil"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

var passed, failed int

func check(name string, good bool) {
	if good {
		passed++
		fmt.Println("ok", name)
	} else {
		failed++
		fmt.Println("not ok", name)
	}
}

// A chain of goroutines, each of which adds one to what it passes on.
func chain(length int) int {
	first := make(chan int)
	last := first
	for i := 0; i < length; i++ {
		from, to := last, make(chan int)
		go func() { to <- 1 + <-from }()
		last = to
	}
	first <- 0
	return <-last
}

func parallelSum(workers, each int) int {
	var mutex sync.Mutex
	var group sync.WaitGroup
	total := 0
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			sum := 0
			for j := 0; j < each; j++ {
				sum += j % 7
			}
			mutex.Lock()
			total += sum
			mutex.Unlock()
		}()
	}
	group.Wait()
	return total
}

func concurrency() {
	check("a chain of 1,000 goroutines", chain(1000) == 1000)
	one := parallelSum(1, 700000)
	check("32 goroutines that compute", parallelSum(32, 700000) == 32*one)
	select {
	case <-make(chan int):
		check("select with a time limit", false)
	case <-time.After(20 * time.Millisecond):
		check("select with a time limit", true)
	}
	start, ticks := time.Now(), 0
	ticker := time.NewTicker(5 * time.Millisecond)
	for range ticker.C {
		if ticks++; ticks == 10 {
			break
		}
	}
	check("a ticker", time.Since(start) >= 45*time.Millisecond)
	// A goroutine that never calls anything is preempted by a signal.
	runtime.GOMAXPROCS(1)
	stop := false
	go func() {
		for !stop {
		}
	}()
	time.Sleep(20 * time.Millisecond)
	check("a busy goroutine is preempted", true)
	runtime.GOMAXPROCS(runtime.NumCPU())
}

func garbage() {
	var kept [][]byte
	for i := 0; i < 20000; i++ {
		block := make([]byte, 4000)
		block[0] = byte(i)
		if i%1000 == 0 {
			kept = append(kept, block)
		}
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	good := stats.NumGC > 0 && stats.HeapAlloc < 60<<20
	for i, block := range kept {
		good = good && block[0] == byte(i*1000)
	}
	check("80 MB of garbage is collected", good)
}

func system() {
	err := ioutil.WriteFile("file", []byte("a\nb\nc\n"), 0600)
	data, readErr := ioutil.ReadFile("file")
	check("files", err == nil && readErr == nil && string(data) == "a\nb\nc\n")
	command := exec.Command("/bin/sh", "-c", "tr a-z A-Z; exit 3")
	command.Stdin = strings.NewReader("through two pipes\n")
	out, err := command.Output()
	exit, isExit := err.(*exec.ExitError)
	check("os/exec: pipes and a status", string(out) == "THROUGH TWO PIPES\n" && isExit && exit.ExitCode() == 3)
	reader, writer, err := os.Pipe()
	check("a pipe, its end from another goroutine", err == nil && func() bool {
		go func() {
			fmt.Fprintln(writer, "hello")
			writer.Close()
		}()
		line, _ := bufio.NewReader(reader).ReadString('\n')
		return line == "hello\n"
	}())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
	check("signals", <-signals == syscall.SIGUSR1)
	recovered := func() (caught bool) {
		defer func() { caught = recover() != nil }()
		var nothing *int
		*nothing = 1
		return false
	}()
	check("a nil pointer panics and is recovered", recovered)
	entries, err := ioutil.ReadDir("/")
	check("ReadDir", err == nil && len(entries) > 3)
}

func main() {
	concurrency()
	garbage()
	system()
	fmt.Printf("%d passed, %d failed, 0 skipped\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
