import Foundation

/// Lines of code as they are compared: without the indentation that all share, and without the imports in front.
struct SnippetText: Hashable, CustomStringConvertible {
  let imports: Set<String>
  let lines: [String]

  init(_ lines: some Sequence<Substring>) {
    var rest = lines.map(String.init)[...]
    var imports: Set<String> = []
    while let first = rest.first, first.isEmpty || first.hasPrefix("import ") {
      if !first.isEmpty { imports.insert(first) }
      rest.removeFirst()
    }
    while rest.last?.isEmpty == true { rest.removeLast() }
    let indentation = rest.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
    self.imports = imports
    self.lines = rest.map { String($0.dropFirst(indentation)) }
  }

  var description: String { self.lines.joined(separator: "\n") }
}

/// Code that is compiled with these tests, between the lines `// snippet: NAME` and `// end` (`--` in SQL).
struct Snippet {
  let name: String
  let file: String
  let text: SnippetText
  /// The imports of the file.
  let imports: Set<String>

  /// All snippets of this target.
  static func all() throws -> [Snippet] {
    try files(under: "Tests/LatchkeyDocumentationTests", ext: "swift").flatMap { path in
      let text = try String(contentsOf: Article.root.appendingPathComponent(path), encoding: .utf8)
      return self.snippets(in: text, file: path)
    }
  }

  static func snippets(in text: String, file: String) -> [Snippet] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let imports = Set(lines.filter { $0.hasPrefix("import ") }.map(String.init))
    var snippets: [Snippet] = []
    var open: (name: String, lines: [Substring])?
    for line in lines {
      let words = line.drop { $0 == " " }
      if words.hasPrefix("// snippet: ") || words.hasPrefix("-- snippet: ") {
        open = (String(words.dropFirst("// snippet: ".count)), [])
      } else if words == "// end" || words == "-- end", let snippet = open {
        snippets.append(
          Snippet(name: snippet.name, file: file, text: SnippetText(snippet.lines), imports: imports)
        )
        open = nil
      } else {
        open?.lines.append(line)
      }
    }
    return snippets
  }
}
