#if Etcd
internal import EtcdAPI
public import Latchkey

/// Looks at locks in etcd: ours, and those of `etcdctl lock` and of Go's `clientv3/concurrency`, whose keys are laid out alike.
///
/// It has a connection of its own and takes no lease, so looking leaves nothing behind. A look is one read of the lock's keys,
/// and one for each of their leases.
public final class EtcdLockInspector: LockInspector {
  private let reader: EtcdReader
  private let prefix: String

  /// Looks at the locks of a cluster. Connects when it is first used.
  ///
  /// - Parameters:
  ///   - configuration: Where the cluster is and how to talk to it.
  ///   - prefix: What all keys begin with, as in ``EtcdLocks/Configuration/prefix``.
  /// - Throws: ``EtcdError`` with code ``EtcdError/Code/invalidConfiguration``.
  public init(_ configuration: EtcdClient.Configuration, prefix: String = "") throws(EtcdError) {
    self.reader = try EtcdReader(configuration)
    self.prefix = prefix
  }

  /// Closes the connection. One that is dropped closes itself.
  public func close() { self.reader.close() }

  /// The lock's contenders in the order in which they will have the lock: that in which their keys were created.
  ///
  /// A key without a lease stands in the way of all contenders as one of theirs would, here as with `etcdctl lock`, and is shown
  /// with a `LockContender.caveat`.
  ///
  /// etcd keeps no times, so there are no ages; what is left of the lease tells whether a contender still gives signs of life.
  ///
  /// - Parameter name: The lock.
  /// - Returns: What the cluster shows.
  /// - Throws: `LockError`: `unreachable`, `notAuthorized`, `closed`, `backendFailure`.
  public func inspect(_ name: LockName) async throws(LockError) -> LockReport {
    let instance = self.reader.configuration.endpoints.joined(separator: ",")
    let backend = LockBackend(kind: "etcd", instance: self.prefix.isEmpty ? instance : "\(instance)/\(self.prefix)")
    let prefix = LockKeys.prefix(of: name, under: self.prefix)
    do throws(EtcdError) {
      let answer = try await self.reader.read(EtcdMethods.range, .prefix(prefix, .oldest, withValue: true))
      let keys = answer.kvs.filter { LockKeys.isContender($0.keyBytes, prefix: prefix) }
      let remaining = try await self.remaining(of: Set(keys.map(\.lease)).subtracting([0]))
      let contenders = keys.enumerated().map { place, key in
        var contender = LockContender(
          place: place,
          identity: LockKeys.text(key.keyBytes),
          handle: Array("\(key.createRevision)/".utf8) + key.keyBytes
        )
        contender.read(note: Array(key.value))
        contender.token = FencingToken(major: UInt64(key.createRevision))
        if key.lease == 0 {
          contender.caveat = Self.leaseless
        } else {
          contender.session = String(UInt64(bitPattern: key.lease), radix: 16)
        }
        contender.remaining = remaining[key.lease]
        return contender
      }
      return LockReport(name: name, backend: backend, contenders: contenders)
    } catch {
      throw LockError(name, error)
    }
  }

  /// Deletes a contender's key, if it is still the one that was created then.
  ///
  /// - Parameters:
  ///   - contender: Whom to remove, from a report.
  ///   - name: The lock.
  /// - Returns: Whether it was there. True also if an answer was lost and it is gone now.
  /// - Throws: `LockError`: `unreachable`, `notAuthorized` if this user may not delete it, `closed`.
  public func remove(_ contender: LockContender, from name: LockName) async throws(LockError) -> Bool {
    let parts = contender.handle.split(separator: UInt8(ascii: "/"), maxSplits: 1)
    guard parts.count == 2, let revision = Int64(String(decoding: parts[0], as: UTF8.self)) else { return false }
    let key = Array(parts[1])
    let request = EtcdTxnRequest(if: [.created(key, at: revision)], then: [.delete(key)])
    var isDoubtful = false
    for attempt in 1... {
      do throws(EtcdError) {
        // What was lost may have been carried out, and cannot be told from somebody else's delete.
        return try await self.reader.call(EtcdMethods.txn, request).succeeded || isDoubtful
      } catch {
        guard error.isInDoubt, attempt < 3 else { throw LockError(name, error) }
        if !error.isUnsent, !error.provesRejection { isDoubtful = true }
      }
    }
    return false
  }

  /// Every client that keeps to this layout binds its keys to a lease.
  private static let leaseless = """
    the key has no lease, so it never goes away by itself: it is not a lock's, or that of a program that does not give it back
    """

  /// How long each lease has left. One that is over just now has none.
  private func remaining(of leases: Set<Int64>) async throws(EtcdError) -> [Int64: Duration] {
    var remaining: [Int64: Duration] = [:]
    let results = await withTaskGroup(of: (Int64, Result<Int64, EtcdError>).self) { group in
      for lease in leases {
        group.addTask {
          var request = EtcdLeaseTimeToLiveRequest()
          request.id = lease
          do throws(EtcdError) {
            return (lease, .success(try await self.reader.read(EtcdMethods.leaseTimeToLive, request).ttl))
          } catch {
            return (lease, .failure(error))
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    for (lease, result) in results {
      do throws(EtcdError) {
        remaining[lease] = .seconds(max(0, try result.get()))
      } catch {
        // A user may be allowed to read the lock's keys and not others' that hang on the same lease.
        guard error.code == .notAuthorized || error.code == .leaseNotFound else { throw error }
      }
    }
    return remaining
  }
}
#endif
