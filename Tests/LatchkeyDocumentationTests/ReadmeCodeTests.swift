import Foundation
import Testing

@Suite("Code in the README")
struct ReadmeCodeTests {
  @Test("every block of Swift in the README is compiled with these tests, and everything compiled for it is shown")
  func isCompiled() throws {
    let text = try String(contentsOf: Article.root.appendingPathComponent("README.md"), encoding: .utf8)
    let shown = Article.blocks(in: text).filter { $0.language == "swift" }
    let file = "Tests/LatchkeyDocumentationTests/Snippets/Readme.swift"
    let source = try String(contentsOf: Article.root.appendingPathComponent(file), encoding: .utf8)
    // The README's snippets have a word of their own, since articles do not show them.
    let snippets = Snippet.snippets(in: source.replacing("// readme: ", with: "// snippet: "), file: file)
    #expect(shown.count == snippets.count && shown.count >= 3)
    for block in shown {
      let same = snippets.filter { $0.text.lines == block.text.lines }
      #expect(same.count == 1, "README.md:\(block.line) is not compiled:\n\(block.text)")
      #expect(same.allSatisfy { block.text.imports.isSubset(of: $0.imports) }, "README.md:\(block.line) imports more")
    }
  }

  @Test("every file that the README links to is there")
  func links() throws {
    let text = try String(contentsOf: Article.root.appendingPathComponent("README.md"), encoding: .utf8)
    let links = text.matches(of: /\]\((?<path>[^):]+)\)|(?:src|srcset)="(?<picture>[^":]+)"/).compactMap {
      ($0.output.path ?? $0.output.picture).map(String.init)
    }
    #expect(links.count >= 10)
    for link in links {
      let path = Article.root.appendingPathComponent(link).path
      #expect(FileManager.default.fileExists(atPath: path), "\(link) is linked to and not there")
    }
  }
}
