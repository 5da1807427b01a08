import CZooKeeper
import FuzzSupport
import Latchkey

@testable import LatchkeyZooKeeper
@testable import ZooKeeper

/// The names of nodes: who contends, in which order, and which directory is whose; and the limit of a semaphore. Input: a byte for what to do, then names on
/// lines.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var input = FuzzInput(start, count)
  switch input.byte() {
  case UInt8(ascii: "d"): directory(&input)
  case UInt8(ascii: "l"): limit(input.bytes())
  case UInt8(ascii: "o"): ours(&input)
  case UInt8(ascii: "p"): path(input.text())
  default: list(&input)
  }
  return 0
}

/// A lock, both halves of a read-write lock, and an election: with blockers only, and with contenders that are passed.
private let rules: [GrantRule] = [
  .mutex,
  .reading,
  .writing,
  GrantRule("latch-", behind: ["latch-"]),
]

/// The scan of a list in C says what the model says.
private func list(_ input: inout FuzzInput) {
  let place = input.number(below: 256)
  let prefix = input.bytes(upTo: UInt8(ascii: "\n")).withoutZeros
  var names: [[UInt8]] = []
  while !input.isEmpty { names.append(input.bytes(upTo: UInt8(ascii: "\n")).withoutZeros) }
  // A directory has no name twice.
  var seen: Set<[UInt8]> = []
  names = names.filter { seen.insert($0).inserted }
  // One of the list, or none; the name behind it is not in the list.
  let own: [UInt8]? = place < names.count ? names[place] : place == 255 ? Array("x-lock-0000000005".utf8) : nil
  for rule in rules {
    let scanned = scan(names, own: own, prefix: prefix.isEmpty ? nil : prefix, rule.markers)
    let expected = SequenceScan(modelOf: names, own: own, prefix: prefix.isEmpty ? nil : prefix, rule)
    property(
      scanned == expected,
      "\(names.map(text)), own \(own.map(text) ?? "none"): \(scanned), but should be \(expected)"
    )
  }
  for name in names {
    // What is shown to people are the same contenders.
    guard let text = String(validating: name, as: UTF8.self) else { continue }
    for rule in rules {
      let marker = scan([name], own: nil, prefix: nil, rule.markers).nearestMarker
      property(rule.blockingMarker(of: text) == marker, "\(text.debugDescription): blocks to one scanner only")
    }
  }
}

/// The directory of a lock is a valid path, no other lock's, and no contender for the lock above it.
private func directory(_ input: inout FuzzInput) {
  guard let name = try? LockName(input.line()) else { return }
  for root in ["/", "/app/locks"] {
    let path = LockPath.directory(of: name, under: root)
    property(NodePath.problem(with: path) == nil, "\(name.rawValue.debugDescription) has the directory \(path)")
    property(path.hasPrefix(root), "\(name.rawValue.debugDescription) has the directory \(path)")
    let part = Array(NodePath.lastComponent(of: path).utf8)
    for markers in [["lock-", "__lock__"], ["__READ__", "__WRIT__", "__rlock__"]] {
      let contends = scan([part], own: nil, prefix: nil, SequenceMarkers(blocking: markers)).count == 1
      property(!contends, "the directory of \(name.rawValue.debugDescription), \(path), contends for the lock above")
    }
    // No other lock's, since the name can be read from it.
    let read = decoded(path.utf8.dropFirst(root == "/" ? 1 : root.utf8.count + 1))
    property(read == Array(name.rawValue.utf8), "\(name.rawValue.debugDescription) has the directory \(path)")
  }
}

/// The nodes that we, Curator and kazoo make contend whatever their number, and we find our own again.
private func ours(_ input: inout FuzzInput) {
  let sequence = input.integer(Int32.self)
  // As the server writes it.
  let digits = String(sequence.magnitude)
  let width = sequence < 0 ? 9 : 10
  let number = (sequence < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
  let mark = input.integer(UInt64.self)
  let identifier = ContenderIdentity.newIdentifier(mark: mark)
  let hex = identifier.filter { $0 != "-" }
  let ours = Array((ContenderIdentity.prefix(identifier, marker: GrantRule.mutex.ownMarker) + number).utf8)
  let marked = scan([ours], own: nil, prefix: Array(ContenderIdentity.prefix(mark: mark).utf8), GrantRule.mutex.markers)
  property(!marked.matches.isEmpty, "\(text(ours)) is not found by its mark \(mark)")
  for name in [ours, Array("\(hex)__lock__\(number)".utf8), Array("lock-\(number)".utf8)] {
    let search = Array(ContenderIdentity.searchPrefix(identifier).utf8)
    let seen = scan([name], own: name, prefix: search, GrantRule.mutex.markers)
    property(seen.count == 1 && seen.ownIndex == 0, "\(text(name)) does not contend")
    property(seen.matches.isEmpty == (name != ours), "\(text(name)) is found as \(seen.matches)")
    property(seen.wraps == (sequence < 0 || sequence >= Int32.max - (1 << 20) + 1), "\(text(name)): \(seen)")
    property(GrantRule.mutex.blockingMarker(of: text(name)) != nil, "\(text(name)) does not contend")
  }
}

/// A limit that can be read is written alike, and only four bytes can be read.
private func limit(_ bytes: [UInt8]) {
  let limit = SharedLimit.decode(bytes)
  property((limit != nil) == (bytes.count == 4), "\(bytes) is read as \(limit as Any)")
  if let limit { property(SharedLimit.encode(limit) == bytes, "\(bytes) is read as \(limit)") }
}

/// A valid path is its directory and its last part, put together.
private func path(_ path: String) {
  guard NodePath.problem(with: path) == nil, path != "/" else { return }
  let parent = NodePath.parent(of: path)
  property(
    parent.map { NodePath.problem(with: $0) == nil } == true,
    "\(path.debugDescription) lies in \(parent as Any)"
  )
  let again = NodePath.child(NodePath.lastComponent(of: path), of: parent ?? "")
  property(again.isIdentical(to: path), "\(path.debugDescription) is put together as \(again.debugDescription)")
}

// MARK: Calling the scan

private final class Box {
  let markers: SequenceMarkers
  var scan: SequenceScan?

  init(_ markers: SequenceMarkers) { self.markers = markers }
}

private func scan(_ names: [[UInt8]], own: [UInt8]?, prefix: [UInt8]?, _ markers: SequenceMarkers) -> SequenceScan {
  let box = Box(markers)
  // Strings of their own, each of its exact length, so that a step too far is seen.
  let strings = (names + [own ?? [], prefix ?? []]).map { bytes in
    let string = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    for (place, byte) in bytes.enumerated() { string[place] = CChar(bitPattern: byte) }
    string[bytes.count] = 0
    return string
  }
  defer { for string in strings { string.deallocate() } }
  let list: [UnsafePointer<CChar>?] = strings.dropLast(2).map { UnsafePointer($0) }
  let isComplete = markers.withShim { shim in
    czk_scan_names(
      list,
      Int32(names.count),
      own == nil ? nil : strings[names.count],
      prefix == nil ? nil : strings[names.count + 1],
      shim,
      { context, scan in
        guard let context else { return }
        let box = Unmanaged<Box>.fromOpaque(context).takeUnretainedValue()
        box.scan = SequenceScan(scan.pointee, box.markers)
      },
      Unmanaged.passUnretained(box).toOpaque()
    )
  }
  guard isComplete, let scan = box.scan else { fatalError("the scan has given nothing") }
  return scan
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private func decoded(_ bytes: some Collection<UInt8>) -> [UInt8] {
  var decoded: [UInt8] = []
  var rest = Array(bytes)[...]
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "%") else {
      decoded.append(byte)
      continue
    }
    decoded.append(UInt8(text(Array(rest.prefix(2))), radix: 16) ?? 0)
    rest = rest.dropFirst(2)
  }
  return decoded
}

extension [UInt8] {
  /// Without what ends a string in C.
  fileprivate var withoutZeros: [UInt8] { self.filter { $0 != 0 } }
}
