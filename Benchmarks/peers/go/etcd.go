package main

import (
	"context"
	"errors"
	"fmt"
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
//
// etcd-queue is what the requests of a fair lock cost: the two transactions that Latchkey sends for a lock that nobody else wants,
// with a key in a queue, a look at who is before it, and a release of the key that was created and no other. It cannot wait.
type etcdConnection struct {
	client *clientv3.Client
	root   string
	peer   string
}

type etcdSession struct {
	etcdConnection
	lease *concurrency.Session
}

type etcdQueue struct {
	etcdSession
	prefix, key string
	revision    int64
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
	switch s.peer {
	case "etcd-txn":
		return etcdTransaction{s, key}
	case "etcd-queue":
		return &etcdQueue{etcdSession: s, prefix: key + "/", key: fmt.Sprintf("%s/%x", key, s.lease.Lease())}
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

func (q *etcdQueue) acquire() error {
	answer, err := q.client.Txn(forever).
		If(clientv3.Compare(clientv3.CreateRevision(q.key), "=", 0)).
		Then(
			clientv3.OpPut(q.key, "host=example pid=12345 label=bench", clientv3.WithLease(q.lease.Lease())),
			clientv3.OpGet(q.prefix, append(clientv3.WithLastCreate(), clientv3.WithLimit(2), clientv3.WithKeysOnly())...)).
		Else(
			clientv3.OpGet(q.key),
			clientv3.OpGet(q.prefix, clientv3.WithFirstCreate()...)).
		Commit()
	if err != nil {
		return err
	}
	keys := answer.Responses[1].GetResponseRange().Kvs
	if !answer.Succeeded || len(keys) != 1 {
		return errors.New("etcd-queue cannot wait, and somebody else has the lock")
	}
	q.revision = keys[0].CreateRevision
	return nil
}

func (q *etcdQueue) release() error {
	_, err := q.client.Txn(forever).
		If(clientv3.Compare(clientv3.CreateRevision(q.key), "=", q.revision)).
		Then(clientv3.OpDelete(q.key)).
		Commit()
	return err
}

func init() {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	for _, name := range []string{"etcd-mutex", "etcd-txn", "etcd-queue"} {
		name := name
		peers[name] = func(servers []string, root string) connection {
			client, err := clientv3.New(clientv3.Config{Endpoints: servers, DialTimeout: 5 * time.Second})
			check(err)
			return etcdConnection{client, root, name}
		}
	}
}
