#if Etcd
/// The address of one member of the cluster.
struct EtcdEndpoint: Hashable, Sendable, CustomStringConvertible {
  var host: String
  var port: Int

  /// Reads `host:port`, `host` (port 2379) or `[address]:port`.
  init?(_ text: String) {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      self.host = String(text[text.index(after: text.startIndex)..<end])
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
      guard let port = rest.isEmpty ? 2379 : Int(rest.dropFirst()) else { return nil }
      self.port = port
    } else {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2, let port = parts.count == 2 ? Int(parts[1]) : 2379 else { return nil }
      self.host = String(parts[0])
      self.port = port
    }
    guard !self.host.isEmpty, (1...65535).contains(self.port) else { return nil }
    // A password before the host is not taken for a piece of its name.
    guard
      !self.host.unicodeScalars.contains(where: { $0.properties.isWhitespace || "@/?#,".unicodeScalars.contains($0) })
    else {
      return nil
    }
  }

  var description: String { self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)" }
}
#endif
