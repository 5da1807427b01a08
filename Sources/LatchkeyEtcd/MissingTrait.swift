#if !Etcd
/// Not there: the trait `Etcd` of the package latchkey is off.
@available(*, unavailable, message: "turn on the trait \"Etcd\" of the package latchkey, where your package names it")
public enum EtcdClient {}

/// Not there: the trait `Etcd` of the package latchkey is off.
@available(*, unavailable, message: "turn on the trait \"Etcd\" of the package latchkey, where your package names it")
public enum EtcdLocks {}

/// Not there: the trait `Etcd` of the package latchkey is off.
@available(*, unavailable, message: "turn on the trait \"Etcd\" of the package latchkey, where your package names it")
public enum EtcdElection {}
#endif
