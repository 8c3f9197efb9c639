// One goroutine per timer, with a time.Timer that it resets for its next due point.
package main

import (
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The same as support/arguments.hpp says.
type arguments struct {
	mode     string
	timers   int
	nominal  time.Duration
	duration time.Duration
}

func parse(values []string) arguments {
	if len(values) < 6 || len(values) > 7 {
		fmt.Fprintln(os.Stderr, "usage: go_timers MODE KIND TIMERS NOMINAL_INTERVAL_NS SECONDS [TOLERANCE_NS]")
		os.Exit(2)
	}
	timers, _ := strconv.Atoi(values[3])
	nominal, _ := strconv.ParseInt(values[4], 10, 64)
	seconds, _ := strconv.ParseFloat(values[5], 64)
	return arguments{values[1], timers, time.Duration(nominal), time.Duration(seconds * 1e9)}
}

func (a arguments) interval(n int) time.Duration {
	if a.timers == 1 {
		return a.nominal
	}
	turns := float64(n) * 0.6180339887
	return time.Duration(float64(a.nominal) * (0.5 + turns - math.Floor(turns)))
}

func (a arguments) isAlwaysBusy() bool { return a.passesOver() || a.mode == "backlog" }

func (a arguments) passesOver() bool { return a.mode == "saturated" }

// As support/next_due.hpp.
func nextDue(due, interval, now int64) int64 {
	due += interval
	if due <= now {
		due += interval * ((now-due)/interval + 1)
	}
	return due
}

// As support/meter.hpp, for several threads.
type meter struct {
	arguments
	keepsLateness  bool
	stride         int64
	warmTicks      int64
	began          time.Time
	windowBegin    int64 // nanoseconds since `began`
	windowEnd      int64
	ticks          int64
	isOpen         int32
	phase          int32 // 0: warming up, 1: measuring, 2: finished
	ticksBefore    int64
	cpuBefore      int64
	residentBefore int64
	lateness       []int64
	latenessCount  int64
}

func newMeter(a arguments) *meter {
	m := &meter{arguments: a, stride: 1, keepsLateness: a.mode == "paced", began: time.Now()}
	if a.isAlwaysBusy() {
		m.stride = int64(a.timers)
		m.warmTicks = 2 * int64(a.timers)
	}
	if m.keepsLateness {
		m.lateness = make([]int64, 1000+int(1.2*float64(a.timers)*float64(a.duration)/float64(a.nominal)))
		for n := range m.lateness {
			m.lateness[n] = -1
		}
	}
	m.residentBefore = residentBytes()
	return m
}

func (m *meter) now() int64 { return int64(time.Since(m.began)) }

func (m *meter) begin() {
	warm := int64(m.nominal) * 16 / 10
	if warm < 300_000_000 {
		warm = 300_000_000
	}
	m.windowBegin = m.now() + warm
	m.warmTicks += atomic.LoadInt64(&m.ticks)
	atomic.StoreInt32(&m.isOpen, 1)
}

func (m *meter) tick(due int64) {
	count := atomic.AddInt64(&m.ticks, 1)
	if count%m.stride == 0 && atomic.LoadInt32(&m.isOpen) == 1 {
		m.look(due, count)
	}
}

func (m *meter) look(due, count int64) {
	now := m.now()
	if atomic.LoadInt32(&m.phase) == 0 {
		if now >= m.windowBegin && count >= m.warmTicks && atomic.CompareAndSwapInt32(&m.isOpen, 1, 0) {
			m.windowBegin = now
			m.windowEnd = now + int64(m.duration)
			m.ticksBefore = count
			m.cpuBefore = cpuTime()
			atomic.StoreInt32(&m.phase, 1)
			atomic.StoreInt32(&m.isOpen, 1)
		}
	} else if now >= m.windowEnd {
		if atomic.CompareAndSwapInt32(&m.phase, 1, 2) {
			m.finish(now, count)
		}
	} else if m.keepsLateness {
		if place := atomic.AddInt64(&m.latenessCount, 1) - 1; place < int64(len(m.lateness)) {
			m.lateness[place] = now - due
		}
	}
}

func (m *meter) finish(now, count int64) {
	cpu := float64(cpuTime() - m.cpuBefore)
	resident := residentBytes()
	taken := float64(now - m.windowBegin)
	ticks := float64(count - m.ticksBefore)
	fmt.Printf(`{"ticks":%.0f,"seconds":%.6f,"cpu_ns_per_tick":%.1f,"ns_per_tick":%.1f`, ticks, taken/1e9, cpu/ticks, taken/ticks)
	if m.keepsLateness {
		kept := m.lateness
		if m.latenessCount < int64(len(kept)) {
			kept = kept[:m.latenessCount]
		}
		sort.Slice(kept, func(left, right int) bool { return kept[left] < kept[right] })
		at := func(permille int) int64 {
			if len(kept) == 0 {
				return 0
			}
			return kept[len(kept)*permille/1000]
		}
		fmt.Printf(`,"late_p50_ns":%d,"late_p99_ns":%d,"late_p999_ns":%d`, at(500), at(990), at(999))
	}
	if m.mode == "memory" {
		fmt.Printf(`,"bytes_per_timer":%.1f`, float64(resident-m.residentBefore)/float64(m.timers))
	}
	fmt.Println("}")
	os.Exit(0)
}

func cpuTime() int64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func residentBytes() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

type engine struct {
	meter   *meter
	timers  []*time.Timer
	waiting sync.WaitGroup
	ended   sync.WaitGroup
	isEnded int32
}

func (e *engine) runTimer(n int) {
	defer e.ended.Done()
	interval := int64(e.meter.interval(n))
	passesOver := e.meter.passesOver()
	due := e.meter.now() + interval
	timer := time.NewTimer(time.Duration(interval))
	e.timers[n] = timer
	e.waiting.Done()
	for {
		<-timer.C
		if atomic.LoadInt32(&e.isEnded) == 1 {
			return
		}
		e.meter.tick(due)
		now := e.meter.now()
		if passesOver {
			due = nextDue(due, interval, now)
		} else {
			due += interval
		}
		timer.Reset(time.Duration(due - now))
	}
}

func (e *engine) start() {
	count := e.meter.arguments.timers
	e.timers = make([]*time.Timer, count)
	e.waiting.Add(count)
	e.ended.Add(count)
	for n := 0; n < count; n++ {
		go e.runTimer(n)
	}
	e.waiting.Wait()
}

func (e *engine) stop() {
	atomic.StoreInt32(&e.isEnded, 1)
	for _, timer := range e.timers {
		timer.Reset(0)
	}
	e.ended.Wait()
}

func main() {
	a := parse(os.Args)
	e := engine{meter: newMeter(a)}
	begun := time.Now()
	e.start()
	started := time.Now()
	if a.mode != "startstop" {
		e.meter.begin()
		select {} // the meter ends the process
	}
	e.stop()
	fmt.Printf("{\"start_ns\":%d,\"stop_ns\":%d}\n", started.Sub(begun), time.Since(started))
}
