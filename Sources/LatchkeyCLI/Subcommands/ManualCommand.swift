internal import ArgumentParser

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// `latchkey manual`: the pages for man(1).
struct ManualCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual",
    abstract: "Print a page of the manual, or write all of them to a folder.",
    discussion: """
      The pages are in the language of mdoc, which man and mandoc show.

      EXAMPLES
        Read the page of the whole command, or that of one of its commands:
          latchkey manual | man -l -
          latchkey manual run | man -l -
        Install all pages, so that "man latchkey-run" finds them:
          latchkey manual --output ~/.local/share/man/man1

      EXIT STATUS
        0   the pages were printed or written
        1   a page could not be written
        64  there is no such command
      """
  )

  @Argument(
    help: ArgumentHelp("The command to print the page of (default: latchkey itself).", valueName: "command"),
    completion: .custom { _, _, _ in (try? Self.pages().dropFirst().map(\.command.commandName)) ?? [] }
  )
  var command: String?

  @Option(
    help: ArgumentHelp("Write all pages to this folder, which is made if it is not there.", valueName: "folder"),
    completion: .directory
  )
  var output: String?

  func validate() throws {
    if self.command != nil, self.output != nil {
      throw ValidationError("--output writes all pages: leave out the command")
    }
  }

  func run() async throws {
    let pages = try Self.pages()
    if let output { return try Self.write(pages, to: output) }
    guard let page = pages.first(where: { $0.command.commandName == self.command ?? pages[0].name }) else {
      let known = pages.dropFirst().map(\.command.commandName).joined(separator: ", ")
      throw CommandFailure(.usage, "there is no command \"\(self.command ?? "")\"; write one of: \(known)")
    }
    // The line that ends the page's source is that of the output.
    try Console.output(String(page.source.dropLast()))
  }

  /// All pages, that of `latchkey` first.
  static func pages() throws -> [ManualPage] {
    ManualPage.all(try JSON.decode(ToolInfo.self, from: LatchkeyCommand._dumpHelp()))
  }

  private static func write(_ pages: [ManualPage], to folder: String) throws {
    do {
      let url = URL(filePath: folder, directoryHint: .isDirectory)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      for page in pages {
        try Data(page.source.utf8).write(to: url.appending(path: page.fileName), options: .atomic)
      }
    } catch {
      throw CommandFailure(.failed, "cannot write the pages to \(folder); name a folder of yours")
    }
  }
}
