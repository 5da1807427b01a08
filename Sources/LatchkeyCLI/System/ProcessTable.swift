#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The processes of this machine, or of this container, as `/proc` shows them; empty where there is no such folder.
enum ProcessTable {
  struct Entry: Hashable, Sendable {
    let pid: Int32
    /// The program's name, of at most fifteen letters.
    let name: String
    let parent: Int32
    let group: Int32
    /// Whether it has ended, and its parent has not asked for its status.
    let isZombie: Bool

    /// Reads `/proc/PID/stat`: the number, the name in parentheses (which may hold any character), state, parent, group.
    init?(stat: String) {
      guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"), open < close else { return nil }
      let fields = stat[close...].dropFirst().split(separator: " ", maxSplits: 3)
      guard fields.count >= 3, let pid = Int32(stat[..<open].filter { $0 != " " }), let parent = Int32(fields[1]),
        let group = Int32(fields[2])
      else { return nil }
      self.pid = pid
      self.name = String(stat[open..<close].dropFirst())
      self.parent = parent
      self.group = group
      self.isZombie = fields[0] == "Z" || fields[0] == "X"
    }
  }

  /// All processes, in the order of their numbers.
  static var all: [Entry] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var found: [Entry] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      // A process may end between the two looks.
      guard Int32(name) != nil, let bytes = try? FileText.bytes("/proc/\(name)/stat") else { continue }
      if let entry = Entry(stat: String(decoding: bytes, as: UTF8.self)) { found.append(entry) }
    }
    return found.sorted { $0.pid < $1.pid }
  }

  /// The members of a process group that have not ended.
  static func living(inGroup group: Int32) -> [Entry] { self.all.filter { $0.group == group && !$0.isZombie } }

  /// Whether a process is an ancestor of this one.
  static func hasAncestor(_ pid: Int32) -> Bool {
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
