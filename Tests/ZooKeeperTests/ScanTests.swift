import CZooKeeper
import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("A look at a list of sequential nodes")
struct ScanTests {
  private final class Box {
    let markers: SequenceMarkers
    var scan: SequenceScan?

    init(_ markers: SequenceMarkers) { self.markers = markers }
  }

  private func scan(
    _ names: [String],
    own: String? = nil,
    prefix: String? = nil,
    markers: SequenceMarkers = .locks
  ) throws -> SequenceScan {
    let box = Box(markers)
    withCStrings(names + [own ?? "", prefix ?? ""]) { strings in
      let list: [UnsafePointer<CChar>?] = strings.dropLast(2).map { $0 }
      _ = markers.withShim { shim in
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
    }
    return try #require(box.scan)
  }

  @Test("an empty list has nobody")
  func empty() throws {
    let scan = try self.scan([])
    #expect(scan == SequenceScan(count: 0, blockers: 0, matches: [], wraps: false, nodes: []))
  }

  @Test("nodes are ordered by number, not by name")
  func order() throws {
    let names = ["b-lock-0000000010", "a-lock-0000000012", "z-lock-0000000002", "m-lock-0000000011"]
    let scan = try self.scan(names, own: "m-lock-0000000011")
    #expect(scan.ownIndex == 2 && scan.nearest == "b-lock-0000000010" && scan.first == "z-lock-0000000002")
    #expect(scan.count == 4 && !scan.wraps && scan.nodes.isEmpty)
  }

  @Test("the first node has none before it")
  func first() throws {
    let scan = try self.scan(["a-lock-0000000001", "b-lock-0000000002"], own: "a-lock-0000000001")
    #expect(scan.ownIndex == 0 && scan.nearest == nil)
  }

  @Test("without an own name the nearest blocker is the last node")
  func noOwn() throws {
    let scan = try self.scan(["a-lock-0000000001", "b-lock-0000000003", "c-lock-0000000002"])
    #expect(scan.ownIndex == nil && scan.nearest == "b-lock-0000000003" && scan.first == "a-lock-0000000001")
  }

  @Test("an own node that is not in the list has no place and no blocker")
  func ownGone() throws {
    let scan = try self.scan(["a-lock-0000000001"], own: "b-lock-0000000002")
    #expect(scan.ownIndex == nil && scan.nearest == nil && scan.count == 1)
  }

  @Test("equal numbers are ordered by name")
  func ties() throws {
    let names = ["c-lock-0000000005", "a-lock-0000000005", "b__lock__0000000005"]
    let scan = try self.scan(names, own: "b__lock__0000000005")
    #expect(scan.ownIndex == 1 && scan.nearest == "a-lock-0000000005")
  }

  @Test(
    "other children are passed over",
    arguments: [
      "junk", "lock-", "x-lock-1", "x-lock-000000001", "x-lock--00000001", "lock", "0000000001", "", "-", "-1",
      "x-lock-12a", "x-lock-0000000001-", "x-lock--",
      "x-lock---1",
      "x-lock-+5", "x-lock- 5", "x-read-0000000001", "x-lock-99999999999999999999", "x-lock-9223372036854775808",
      "LOCK-0000000001", "x-lock-\u{0661}",
    ]
  )
  func junk(name: String) throws {
    let scan = try self.scan([name, "a-lock-0000000009"], own: "a-lock-0000000009")
    #expect(scan.count == 1 && scan.ownIndex == 0 && scan.nearest == nil)
  }

  @Test(
    "names that other clients make are sequential",
    arguments: [
      "lock-0000000001", "_c_5f3b-lock-0000000001", "0123456789abcdef__lock__0000000001", "x-lock--000000001",
      "1-lock-0000000001", "lock-lock-0000000001",
    ]
  )
  func foreign(name: String) throws {
    #expect(try self.scan([name, "a-lock-0000000009"], own: "a-lock-0000000009").nearest == name)
  }

  @Test("a negative number is told from a marker's dash, comes first and is a sign of wrapping")
  func negative() throws {
    let names = ["_c_1-lock--2147483648", "_c_2-lock-2147483647", "_c_3-lock--2147483647"]
    let scan = try self.scan(names, own: "_c_3-lock--2147483647")
    #expect(scan.wraps && scan.ownIndex == 1 && scan.nearest == "_c_1-lock--2147483648")
    #expect(scan.nodes == names)
  }

  @Test(
    "numbers near the end of their range are a sign of wrapping",
    arguments: [("2146435071", false), ("2146435072", true), ("2147483647", true), ("4294967296", true)]
  )
  func nearEnd(number: String, wraps: Bool) throws {
    let scan = try self.scan(["junk", "a-lock-\(number)"])
    #expect(scan.wraps == wraps)
    #expect(scan.nodes == (wraps ? ["a-lock-\(number)"] : []))
  }

  @Test("names with the prefix are listed, sequential or not")
  func matches() throws {
    let names = ["_c_1-lock-0000000001", "_c_2-lock-0000000002", "_c_1-lock-0000000003", "_c_1-note"]
    let scan = try self.scan(names, prefix: "_c_1")
    #expect(scan.matches == [names[0], names[2], names[3]])
    #expect(scan.count == 3)
  }

  @Test("only the given markers count")
  func markers() throws {
    let markers = SequenceMarkers(blocking: ["__READ__", "__WRIT__"])
    let scan = try self.scan(["a__WRIT__0000000001", "a-lock-0000000000", "b__READ__0000000002"], markers: markers)
    #expect(scan.count == 2 && scan.first == "a__WRIT__0000000001")
  }

  @Test("of the nodes before our own, only those with a blocking marker block it")
  func blockers() throws {
    let names = [
      "a__READ__0000000001", "b__WRIT__0000000002", "c__WRIT__0000000003", "d__READ__0000000004", "e__READ__0000000005",
      "f__WRIT__0000000006",
    ]
    let reading = SequenceMarkers(blocking: ["lock-", "__WRIT__"], others: ["__READ__"])
    let reader = try self.scan(names, own: names[4], markers: reading)
    #expect(reader.count == 6 && reader.ownIndex == 4 && reader.first == names[0])
    #expect(reader.blockers == 2 && reader.nearest == names[2] && reader.nearestMarker == "__WRIT__")
    let writing = SequenceMarkers(blocking: ["__WRIT__", "__READ__"])
    let writer = try self.scan(names, own: names[5], markers: writing)
    #expect(writer.blockers == 5 && writer.nearest == names[4] && writer.nearestMarker == "__READ__")
    #expect(try self.scan(names, markers: reading).blockers == 3)
    #expect(try self.scan(names, own: names[0], markers: reading).blockers == 0)
    #expect(try self.scan(names, own: "g__READ__0000000009", markers: reading).blockers == 0)
    #expect(try self.scan(names, markers: .none).count == 0)
  }

  @Test("the first node that should not be in the directory is named, whether it blocks or not")
  func foreign() throws {
    let names = ["a__READ__0000000003", "b-lock-0000000002", "c__READ__0000000001", "d-lock-0000000004"]
    let plain = SequenceMarkers(blocking: ["lock-"], others: ["__READ__"], foreign: ["__READ__"])
    #expect(try self.scan(names, own: names[1], markers: plain).foreign == names[2])
    let reading = SequenceMarkers(blocking: ["lock-"], others: ["__READ__"], foreign: ["lock-"])
    #expect(try self.scan(names, own: names[2], markers: reading).foreign == names[1])
    #expect(try self.scan([names[1]], own: names[1], markers: plain).foreign == nil)
  }

  @Test("of ten thousand names in any order the right neighbour is found")
  func many() throws {
    var random = SplitMix(seed: 1)
    let names = (0..<10_000).map { "_c_\($0 * 7919 % 10_007)-lock-\(String(repeating: "0", count: 5))\(10_000 + $0)" }
    let shuffled = names.shuffled(using: &random)
    let own = Int.random(in: 1..<10_000, using: &random)
    let scan = try self.scan(shuffled, own: names[own])
    #expect(scan.ownIndex == own && scan.nearest == names[own - 1] && scan.first == names[0])
  }
}

extension SequenceMarkers {
  static let locks = SequenceMarkers(blocking: ["lock-", "__lock__"])
}
