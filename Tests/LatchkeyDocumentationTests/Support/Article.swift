import Foundation

/// A page of the documentation catalogues, and the code in it.
struct Article: CustomStringConvertible {
  /// A fenced block of code.
  struct Block {
    let line: Int
    let language: String
    let text: SnippetText
  }

  let path: String
  let blocks: [Block]

  var description: String { self.path }

  /// The folder that holds Package.swift.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// All pages of all modules.
  static func all() throws -> [Article] {
    try files(under: "Sources", ext: "md").filter { $0.contains(".docc/") }.map { path in
      let text = try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
      return Article(path: path, blocks: Self.blocks(in: text))
    }
  }

  /// The comments of all source files, but for those that show code of packages that this one does not depend on.
  static func comments() throws -> [Article] {
    let foreign = ["Sources/LatchkeyRedis/Client/RedisExecutor.swift"]
    return try files(under: "Sources", ext: "swift").filter { !foreign.contains($0) }.map { path in
      let text = try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
      // Lines that are no comment are left empty, so that the numbers stay right.
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
        let words = line.drop { $0 == " " }
        return words.hasPrefix("/// ") ? words.dropFirst(4) : ""
      }
      return Article(path: path, blocks: Self.blocks(in: lines.joined(separator: "\n")))
    }
  }

  static func blocks(in text: String) -> [Block] {
    var blocks: [Block] = []
    var open: (line: Int, language: String, lines: [Substring])?
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let trimmed = line.drop { $0 == " " }
      if let block = open {
        if trimmed.hasPrefix("```") {
          blocks.append(Block(line: block.line, language: block.language, text: SnippetText(block.lines)))
          open = nil
        } else {
          open?.lines.append(line)
        }
      } else if trimmed.hasPrefix("```") {
        open = (index + 1, String(trimmed.dropFirst(3)), [])
      }
    }
    return blocks
  }
}

/// The paths of all files below a folder of the package with an extension, from the package's folder on.
func files(under folder: String, ext: String) throws -> [String] {
  let paths = try FileManager.default.subpathsOfDirectory(atPath: Article.root.appendingPathComponent(folder).path)
  return paths.filter { $0.hasSuffix(".\(ext)") }.map { "\(folder)/\($0)" }.sorted()
}
