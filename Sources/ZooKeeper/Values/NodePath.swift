/// The rules for paths, checked before a path reaches the C client, which is careless with bad ones.
package enum NodePath {
  /// What is wrong with a path; nil if it is valid.
  ///
  /// - Parameters:
  ///   - path: An absolute path.
  ///   - isSequential: Whether the server will append a number, so that the last part may be empty.
  package static func problem(with path: String, isSequential: Bool = false) -> String? {
    // A loop over bytes: this runs for every request.
    var sawSlash = false
    var dots = 0
    var partLength = 0
    var isFirst = true
    for byte in path.utf8 {
      if isFirst {
        guard byte == UInt8(ascii: "/") else { return "a path must start with \"/\"" }
        isFirst = false
        sawSlash = true
        continue
      }
      if byte == UInt8(ascii: "/") {
        if let problem = Self.problem(withPartOf: partLength, dots: dots) { return problem }
        sawSlash = true
        dots = 0
        partLength = 0
        continue
      }
      if byte < 0x20 || byte == 0x7f { return "a path must not hold control characters" }
      if byte == UInt8(ascii: ".") { dots += 1 }
      partLength += 1
      sawSlash = false
    }
    if isFirst { return "the path is empty" }
    if isSequential { return nil }
    if sawSlash { return path.utf8.count == 1 ? nil : "a path must not end with \"/\"" }
    return Self.problem(withPartOf: partLength, dots: dots)
  }

  private static func problem(withPartOf length: Int, dots: Int) -> String? {
    if length == 0 { return "a path must not hold \"//\"" }
    if length == dots, dots <= 2 { return "a path must not have a part \".\" or \"..\"" }
    return nil
  }

  /// The directory of a path; nil for the root.
  package static func parent(of path: String) -> String? {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), path.utf8.count > 1 else { return nil }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// What follows the last "/".
  package static func lastComponent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
    return String(path[path.utf8.index(after: slash)...])
  }

  /// A child's path.
  package static func child(_ name: String, of directory: String) -> String {
    directory == "/" ? "/\(name)" : "\(directory)/\(name)"
  }

  static func check(_ path: String, _ operation: String, isSequential: Bool = false) throws(ZooKeeperError) {
    guard let problem = Self.problem(with: path, isSequential: isSequential) else { return }
    throw ZooKeeperError(.badArguments, operation: operation, path: path, detail: problem)
  }
}
