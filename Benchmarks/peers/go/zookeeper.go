package main

import (
	"path"
	"strconv"
	"time"

	"github.com/samuel/go-zookeeper/zk"
)

// go-zookeeper is the Lock of github.com/samuel/go-zookeeper.
type zookeeperSession struct {
	connection *zk.Conn
	root       string
}

type zookeeperLock struct{ lock *zk.Lock }

type silence struct{}

func (silence) Printf(string, ...interface{}) {}

func (s zookeeperSession) session() session { return s }

func (s zookeeperSession) lock(name string) lock {
	return zookeeperLock{zk.NewLock(s.connection, s.root+"/"+name, zk.WorldACL(zk.PermAll))}
}

func (s zookeeperSession) queued(name string) int {
	children, _, err := s.connection.Children(s.root + "/" + name)
	check(err)
	return len(children)
}

func (l zookeeperLock) acquire() error { return l.lock.Lock() }
func (l zookeeperLock) release() error { return l.lock.Unlock() }

// Workers that make the same directory at once are in each other's way in this library, so it is made here.
func (s zookeeperSession) makeDirectories() {
	paths := []string{s.root}
	for parent := path.Dir(s.root); parent != "/"; parent = path.Dir(parent) {
		paths = append([]string{parent}, paths...)
	}
	for name := range sections {
		paths = append(paths, s.root+"/"+strconv.Itoa(name))
	}
	for _, path := range paths {
		if _, err := s.connection.Create(path, nil, 0, zk.WorldACL(zk.PermAll)); err != zk.ErrNodeExists {
			check(err)
		}
	}
}

func init() {
	peers["go-zookeeper"] = func(servers []string, root string) connection {
		client, events, err := zk.Connect(servers, 30*time.Second, func(c *zk.Conn) { c.SetLogger(silence{}) })
		check(err)
		for event := range events {
			if event.State == zk.StateHasSession {
				break
			}
		}
		go func() {
			for range events {
			}
		}()
		session := zookeeperSession{client, root}
		session.makeDirectories()
		return session
	}
}
