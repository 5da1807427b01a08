package main

import (
	"context"
	"io"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
	"google.golang.org/grpc/grpclog"
)

// etcd-mutex is the Mutex of clientv3/concurrency. Its key is its session's lease, so two that share a lease do not exclude each
// other: every worker has a lease of its own, also where the connection is shared.
//
// etcd-txn is the least that a lock on etcd can cost: one transaction that puts a key if it is not there, and its deletion. A
// key that is taken is asked for again at once.
type etcdConnection struct {
	client *clientv3.Client
	root   string
	bare   bool
}

type etcdSession struct {
	etcdConnection
	lease *concurrency.Session
}

type etcdMutex struct{ mutex *concurrency.Mutex }

type etcdTransaction struct {
	etcdSession
	key string
}

var forever = context.Background()

func (c etcdConnection) session() session {
	lease, err := concurrency.NewSession(c.client, concurrency.WithTTL(60))
	check(err)
	return etcdSession{c, lease}
}

func (s etcdSession) lock(name string) lock {
	key := s.root + "/" + name
	if s.bare {
		return etcdTransaction{s, key}
	}
	return etcdMutex{concurrency.NewMutex(s.lease, key)}
}

func (s etcdSession) queued(name string) int {
	answer, err := s.client.Get(forever, s.root+"/"+name+"/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	check(err)
	return int(answer.Count)
}

func (m etcdMutex) acquire() error { return m.mutex.Lock(forever) }
func (m etcdMutex) release() error { return m.mutex.Unlock(forever) }

func (t etcdTransaction) try() (bool, error) {
	isAbsent := clientv3.Compare(clientv3.CreateRevision(t.key), "=", 0)
	put := clientv3.OpPut(t.key, "", clientv3.WithLease(t.lease.Lease()))
	answer, err := t.client.Txn(forever).If(isAbsent).Then(put).Commit()
	return err == nil && answer.Succeeded, err
}

func (t etcdTransaction) acquire() error {
	for {
		if won, err := t.try(); won || err != nil {
			return err
		}
	}
}

func (t etcdTransaction) release() error {
	_, err := t.client.Delete(forever, t.key)
	return err
}

func init() {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	for name, bare := range map[string]bool{"etcd-mutex": false, "etcd-txn": true} {
		bare := bare
		peers[name] = func(servers []string, root string) connection {
			client, err := clientv3.New(clientv3.Config{Endpoints: servers, DialTimeout: 5 * time.Second})
			check(err)
			return etcdConnection{client, root, bare}
		}
	}
}
