#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The processes of this machine, or of this container, as `/proc` shows them; empty where there is no such folder.
package enum ProcessTable {
  package struct Entry: Hashable, Sendable {
    package let pid: Int32
    /// The program's name, of at most fifteen letters.
    package let name: String
    package let parent: Int32
    package let group: Int32
    /// One letter: `R` for running, `T` for stopped, and so on.
    package let state: Substring

    /// Whether it has ended, and its parent has not asked for its status.
    package var isZombie: Bool { self.state == "Z" || self.state == "X" }

    /// Reads `/proc/PID/stat`: the number, the name in parentheses (which may hold any character), state, parent, group.
    package init?(stat: String) {
      guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"), open < close else { return nil }
      let fields = stat[close...].dropFirst().split(separator: " ", maxSplits: 3)
      guard fields.count >= 3, let pid = Int32(stat[..<open].filter { $0 != " " }), let parent = Int32(fields[1]),
        let group = Int32(fields[2])
      else { return nil }
      self.pid = pid
      self.name = String(stat[open..<close].dropFirst())
      self.parent = parent
      self.group = group
      self.state = fields[0]
    }
  }

  /// The number of this process.
  package static var own: Int32 { getpid() }

  /// One process; nil if there is none of this number.
  package static func entry(_ pid: Int32) -> Entry? {
    (try? FileText.bytes("/proc/\(pid)/stat")).flatMap { Entry(stat: String(decoding: $0, as: UTF8.self)) }
  }

  /// All processes, in the order of their numbers.
  package static var all: [Entry] {
    let found = Folder.entries(of: "/proc").compactMap { name in
      // A process may end between the two looks.
      Int32(name).flatMap(self.entry)
    }
    return found.sorted { $0.pid < $1.pid }
  }

  /// The members of a process group that have not ended.
  package static func living(inGroup group: Int32) -> [Entry] { self.all.filter { $0.group == group && !$0.isZombie } }

  /// Whether a process group has members that have not ended.
  package static func hasLiving(inGroup group: Int32) -> Bool {
    guard kill(-group, 0) == 0 || errno == EPERM else { return false }
    // Zombies count as members until they are reaped, which may be never.
    let table = self.all
    return table.isEmpty || table.contains { $0.group == group && !$0.isZombie }
  }

  /// Whether a process is an ancestor of this one.
  package static func hasAncestor(_ pid: Int32) -> Bool {
    let parents = Dictionary(self.all.map { ($0.pid, $0.parent) }, uniquingKeysWith: { first, _ in first })
    var next = getppid()
    // Numbers are reused: a table that changes while it is read may show a cycle.
    for _ in 0..<parents.count + 1 where next > 0 {
      if next == pid { return true }
      next = parents[next] ?? 0
    }
    return false
  }
}
