// The Go programs of the comparison: PEER WORKLOAD key=value…
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A lock as one worker sees it.
type lock interface {
	acquire() error
	release() error
}

// A lock that can be asked without waiting.
type tryLock interface {
	lock
	try() (bool, error)
}

// What one worker has its locks from.
type session interface {
	lock(name string) lock
	// How many hold or wait for a name.
	queued(name string) int
}

// A peer opens connections; each worker has a session of its own or shares the connection of the first.
type connection interface {
	session() session
}

var peers = map[string]func(servers []string, root string) connection{}

var arguments = map[string]string{}

func text(key, fallback string) string {
	if value, known := arguments[key]; known {
		return value
	}
	return fallback
}

func number(key string, fallback int) int {
	value, err := strconv.Atoi(text(key, strconv.Itoa(fallback)))
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func cpuSeconds() float64 {
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

// What the locks protect.
type section struct{ inside, counter int32 }

var sections []section
var violations int32

func visit(name int) {
	if !atomic.CompareAndSwapInt32(&sections[name].inside, 0, 1) {
		atomic.AddInt32(&violations, 1)
	}
	sections[name].counter++
	atomic.StoreInt32(&sections[name].inside, 0)
}

type worker struct {
	session        session
	locks          map[int]lock
	random         *rand.Rand
	whole, acquire []float64
}

func (w *worker) lock(name int) lock {
	if _, known := w.locks[name]; !known {
		w.locks[name] = w.session.lock(strconv.Itoa(name))
	}
	return w.locks[name]
}

func (w *worker) pair(name int) time.Time {
	lock := w.lock(name)
	start := time.Now()
	check(lock.acquire())
	granted := time.Now()
	visit(name)
	check(lock.release())
	end := time.Now()
	w.whole = append(w.whole, end.Sub(start).Seconds()*1e6)
	w.acquire = append(w.acquire, granted.Sub(start).Seconds()*1e6)
	return end
}

func (w *worker) forget() { w.whole, w.acquire = nil, nil }

// In a goroutine each; waits for all.
func together(workers []*worker, job func(int, *worker)) {
	var group sync.WaitGroup
	for index, w := range workers {
		group.Add(1)
		go func(index int, w *worker) {
			defer group.Done()
			job(index, w)
		}(index, w)
	}
	group.Wait()
}

// The moment at which the timed part begins.
type beginning struct {
	at  time.Time
	cpu float64
}

func begin() beginning {
	if os.Getenv("BENCH_SYNC") != "" {
		fmt.Println("BEGIN")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != io.EOF {
			check(err)
		}
	}
	return beginning{time.Now(), cpuSeconds()}
}

func uncontended(workers []*worker) (beginning, time.Duration) {
	for i := 0; i < number("warmup", 500); i++ {
		workers[0].pair(0)
	}
	workers[0].forget()
	start := begin()
	for i := 0; i < number("n", 2000); i++ {
		workers[0].pair(0)
	}
	return start, time.Since(start.at)
}

func contended(workers []*worker) (beginning, time.Duration) {
	// Every directory is there, as in a service that has run for a while.
	together(workers, func(index int, w *worker) {
		for name := index; name < len(sections); name += len(workers) {
			w.pair(name)
		}
		w.forget()
	})
	start := begin()
	span := time.Duration(number("secs", 10)) * time.Second
	together(workers, func(index int, w *worker) {
		for w.pair(w.random.Intn(len(sections))).Before(start.at.Add(span)) {
		}
	})
	return start, span
}

func busy(workers []*worker, other session) (beginning, time.Duration) {
	check(other.lock("0").acquire())
	lock, able := workers[0].lock(0).(tryLock)
	if !able {
		check(fmt.Errorf("this lock cannot be tried"))
	}
	start := begin()
	span := time.Duration(number("secs", 3)) * time.Second
	for last := start.at; last.Sub(start.at) < span; {
		won, err := lock.try()
		check(err)
		if won {
			violations++
			check(lock.release())
		}
		now := time.Now()
		workers[0].whole = append(workers[0].whole, now.Sub(last).Seconds()*1e6)
		last = now
	}
	return start, time.Since(start.at)
}

func crowd(workers []*worker, other session) (beginning, time.Duration) {
	holder := other.lock("0")
	check(holder.acquire())
	var start beginning
	go func() {
		for other.queued("0") <= len(workers) {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Second)
		start = begin()
		check(holder.release())
	}()
	together(workers, func(_ int, w *worker) { w.pair(0) })
	return start, time.Since(start.at)
}

// One of two processes that hand one lock to and fro; the driver tells it when.
func handOver(session session) {
	lock := session.lock("0")
	fmt.Println("READY")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "acquire" {
			check(lock.acquire())
			fmt.Println("acquired", monotonicNanoseconds())
		} else {
			moment := monotonicNanoseconds()
			check(lock.release())
			fmt.Println("released", moment)
		}
	}
}

func percentile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sort.Float64s(values)
	index := int(share * float64(len(values)))
	if index >= len(values) {
		index = len(values) - 1
	}
	return values[index]
}

func report(workers []*worker, seconds, cpu float64) {
	var whole, acquire []float64
	least, most := len(workers[0].whole), 0
	for _, w := range workers {
		whole, acquire = append(whole, w.whole...), append(acquire, w.acquire...)
		if len(w.whole) < least {
			least = len(w.whole)
		}
		if len(w.whole) > most {
			most = len(w.whole)
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"peer": os.Args[1], "workload": os.Args[2], "sessions": text("sessions", "shared"), "ops": len(whole), "secs": seconds,
		"rate": float64(len(whole)) / seconds, "p50_us": percentile(whole, 0.5), "p99_us": percentile(whole, 0.99),
		"acq_p50_us": percentile(acquire, 0.5), "acq_p99_us": percentile(acquire, 0.99), "min": least, "max": most,
		"violations": violations, "cpu_us": cpu * 1e6 / float64(len(whole)+1),
	}))
}

func main() {
	if len(os.Args) < 3 || peers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peers PEER A|B|C|D|E|G server=HOST:PORT[,…] root=… sessions=shared|each secs=…")
		os.Exit(64)
	}
	for _, word := range os.Args[3:] {
		pair := strings.SplitN(word, "=", 2)
		arguments[pair[0]] = pair[1]
	}
	workload := os.Args[2]
	open := func() connection {
		return peers[os.Args[1]](strings.Split(text("server", ""), ","), text("root", "/bench"))
	}
	count, names := 1, 1
	switch workload {
	case "B":
		count = number("workers", 16)
	case "C":
		count, names = number("workers", 64), number("names", 1000)
	case "E":
		count = number("waiters", 1000)
	}
	sections = make([]section, names)
	first := open()
	if workload == "G" {
		handOver(first.session())
		return
	}
	workers := make([]*worker, count)
	for index := range workers {
		connection := first
		if text("sessions", "shared") == "each" && index > 0 {
			connection = open()
		}
		workers[index] = &worker{session: connection.session(), locks: map[int]lock{}, random: rand.New(rand.NewSource(int64(index)))}
	}
	var start beginning
	var took time.Duration
	switch workload {
	case "A":
		start, took = uncontended(workers)
	case "D":
		start, took = busy(workers, open().session())
	case "E":
		start, took = crowd(workers, first.session())
	default:
		start, took = contended(workers)
	}
	report(workers, took.Seconds(), cpuSeconds()-start.cpu)
}
