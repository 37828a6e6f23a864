package demo

import (
	"bytes"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
	"sync"
)

func TestZZHeap(t *testing.T) {
	stack, err := StartStack(StackOptions{RetainBytes: 1 << 20})
	if err != nil { t.Fatal(err) }
	defer stack.Close()
	service := startStandIn(t, stack, nil)
	var wg sync.WaitGroup
	done := make(chan bool)
	wg.Go(func() {
		for i := 0; ; i += 5 {
			select {
			case <-done: return
			case <-time.After(5 * time.Second):
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			t.Log(i+5, "heap MB", m.HeapAlloc>>20)
			if i == 100 { f, _ := os.Create("/tmp/d_x/heap"); pprof.WriteHeapProfile(f); f.Close() }
		}
	})
	var out bytes.Buffer
	_, err = Run(t.Context(), Options{Stack: stack, HTTPAddr: service.url, Models: Models{V3: "v3.txt", Broken: "broken.txt"}, Rate: 5000, Duration: 110 * time.Second, Out: &out})
	close(done)
	wg.Wait()
	t.Log(err)
}
