import FuzzSupport
import Latchkey

/// The keys of locks in etcd. Input: two names and a prefix on lines, numbers, then a key as others may have put it there.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var input = FuzzInput(start, count)
  let words = (input.line(), input.line())
  let root = input.line()
  let (lease, owner, slot) = (input.integer(Int64.self), input.integer(UInt64.self), input.integer(UInt64.self))
  let foreign = input.bytes()
  guard let name = try? LockName(words.0) else { return 0 }

  let prefix = LockKeys.prefix(of: name, under: root)
  let own = LockKeys.own(prefix, lease: lease, owner: owner, slot: slot)
  property(LockKeys.isContender(own, prefix: prefix), "our key \(LockKeys.text(own)) does not contend")
  property(numbers(of: own, prefix) == [UInt64(bitPattern: lease), owner, slot], "our key is \(LockKeys.text(own))")
  inRange(own, prefix)
  inRange(foreign, prefix)
  inRange(prefix + foreign, prefix)
  // `etcdctl lock NAME` puts the lease alone behind the name.
  let theirs = prefix + Array(String(UInt64(bitPattern: lease), radix: 16).utf8)
  property(LockKeys.isContender(theirs, prefix: prefix), "etcdctl's key \(LockKeys.text(theirs)) does not contend")

  // No key contends for two locks.
  guard let other = try? LockName(words.1), other != name else { return 0 }
  let otherPrefix = LockKeys.prefix(of: other, under: root)
  for key in [own, theirs] where key.starts(with: otherPrefix) {
    property(
      !LockKeys.isContender(key, prefix: otherPrefix),
      "\(LockKeys.text(key)) contends for \(name.rawValue.debugDescription) and \(other.rawValue.debugDescription)"
    )
  }
  return 0
}

/// The keys of a range are those with the prefix.
private func inRange(_ key: [UInt8], _ prefix: [UInt8]) {
  let end = LockKeys.end(ofPrefix: prefix)
  // A single zero byte stands for no end.
  let isBelow = end == [0] || key.lexicographicallyPrecedes(end)
  let isInRange = !key.lexicographicallyPrecedes(prefix) && isBelow
  property(isInRange == key.starts(with: prefix), "the range of \(prefix), to \(end), is wrong about \(key)")
}

private func numbers(of key: [UInt8], _ prefix: [UInt8]) -> [UInt64?] {
  key.dropFirst(prefix.count).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    .map { UInt64(String(decoding: $0, as: UTF8.self), radix: 16) }
}
