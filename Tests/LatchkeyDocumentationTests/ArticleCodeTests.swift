import Foundation
import Latchkey
import Testing

@Suite("Code in the documentation")
struct ArticleCodeTests {
  @Test("every block of Swift and SQL in an article or a comment is a snippet that is compiled with these tests")
  func isCompiled() throws {
    let snippets = try Snippet.all()
    let pages = try Article.all() + Article.comments()
    let blocks = pages.flatMap { article in article.blocks.map { (article, $0) } }
    let code = blocks.filter { ["swift", "sql"].contains($0.1.language) }
    #expect(code.count >= 40)
    for (article, block) in code {
      let same = snippets.filter { $0.text.lines == block.text.lines }
      #expect(!same.isEmpty, "\(article):\(block.line) is no snippet:\n\(block.text)")
      #expect(
        same.isEmpty || same.contains { block.text.imports.isSubset(of: $0.imports) },
        "\(article):\(block.line) imports what its snippet's file does not"
      )
    }
  }

  @Test("every snippet is shown somewhere, and no two have one name")
  func isShown() throws {
    let shown = Set(try (Article.all() + Article.comments()).flatMap { $0.blocks.map(\.text.lines) })
    let snippets = try Snippet.all()
    for snippet in snippets {
      let isShown = shown.contains(snippet.text.lines)
      #expect(isShown, "\(snippet.file): \"\(snippet.name)\" is shown nowhere")
    }
    #expect(Set(snippets.map(\.name)).count == snippets.count)
  }

  @Test("every block of Python in an article is in a program that the tests run")
  func pythonIsRun() throws {
    let programs = try files(under: "Tests", ext: "py").map { path in
      try String(contentsOf: Article.root.appendingPathComponent(path), encoding: .utf8)
    }
    let blocks = try Article.all().flatMap { article in article.blocks.map { (article, $0) } }
    for (article, block) in blocks where block.language == "python" {
      #expect(programs.contains { $0.contains(block.text.description) }, "\(article):\(block.line)")
    }
  }

  @Test("a block of code has a language that is checked, or is for a shell, a file of settings or a manifest")
  func languages() throws {
    let known = ["swift", "sql", "python", "sh", "text"]
    for article in try Article.all() {
      for block in article.blocks {
        #expect(known.contains(block.language), "\(article):\(block.line) is \"\(block.language)\"")
      }
    }
  }

  @Test("every product that an article names is one of the package, and every subcommand one of the command")
  func namesExist() throws {
    let manifest = try String(contentsOf: Article.root.appendingPathComponent("Package.swift"), encoding: .utf8)
    let commands = try files(under: "Sources/LatchkeyCLI", ext: "swift").map { path in
      try String(contentsOf: Article.root.appendingPathComponent(path), encoding: .utf8)
    }
    var seen: Set<String> = []
    for article in try Article.all() {
      for line in article.blocks.flatMap(\.text.lines) {
        if let product = line.firstMatch(of: /product\(name: "(\w+)", package: "latchkey"/)?.1 {
          #expect(manifest.contains(".library(name: \"\(product)\""), "\(article): \(line)")
          seen.insert("product")
        }
        if let command = line.firstMatch(of: /latchkey ([a-z]+)/)?.1 {
          let exists = commands.contains { $0.contains("commandName: \"\(command)\"") }
          #expect(exists, "\(article): \(line)")
          seen.insert("command")
        }
      }
    }
    #expect(seen == ["product", "command"])
  }

  @Test("every URL of a lock in an article is understood")
  func urls() throws {
    var urls: [String] = []
    for article in try Article.all() {
      let text = try String(contentsOf: Article.root.appendingPathComponent(article.path), encoding: .utf8)
      for match in text.matches(of: /`((?:zookeeper|rediss?|redlock|etcds?):\/\/[^`]+|(?:local|channel):[^`]+)`/) {
        #expect(throws: Never.self, "\(article): \(match.1)") { try LockURL(String(match.1)) }
        urls.append(String(match.1))
      }
    }
    #expect(urls.count >= 5)
  }

  @Test("a block that differs in one character is no snippet")
  func differs() {
    let file = """
      import Latchkey

      func f() {
        // \("snippet"): one
        let mutex = LocalMutex("a")
          .name
        // end
      }
      """
    let article = """
      Text.

      ```swift
      import Latchkey

      let mutex = LocalMutex("a")
        .name
      ```
      ```swift
      let mutex = LocalMutex("b")
        .name
      ```
      """
    let snippets = Snippet.snippets(in: file, file: "file")
    let blocks = Article.blocks(in: article)
    #expect(snippets.map(\.name) == ["one"])
    #expect(blocks.map(\.line) == [3, 9])
    #expect(blocks.map { $0.text.lines == snippets[0].text.lines } == [true, false])
    #expect(blocks[0].text.imports == ["import Latchkey"])
  }
}
