// Adds to an unprotected counter under go-zookeeper's Lock: go_contender HOST:PORT LOCK-PATH COUNTER-FILE COUNT
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/samuel/go-zookeeper/zk"
)

type quiet struct{}

func (quiet) Printf(string, ...interface{}) {}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	count, err := strconv.Atoi(os.Args[4])
	must(err)
	client, events, err := zk.Connect(strings.Split(os.Args[1], ","), 10*time.Second, func(c *zk.Conn) { c.SetLogger(quiet{}) })
	must(err)
	for event := range events {
		if event.State == zk.StateHasSession {
			break
		}
	}
	go func() {
		for range events {
		}
	}()
	lock := zk.NewLock(client, os.Args[2], zk.WorldACL(zk.PermAll))
	fmt.Println("ready")
	for i := 0; i < count; i++ {
		must(lock.Lock())
		text, err := os.ReadFile(os.Args[3])
		must(err)
		value, err := strconv.Atoi(strings.TrimSpace(string(text)))
		must(err)
		time.Sleep(time.Millisecond)
		must(os.WriteFile(os.Args[3], []byte(strconv.Itoa(value+1)), 0o600))
		must(lock.Unlock())
	}
	client.Close()
	fmt.Println("done")
}
