import Testing

@testable import LatchkeyCLI

@Suite("The manual", .timeLimit(.minutes(2)))
struct ManualTests {
  @Test("has a page for every command, and mandoc finds nothing to warn of")
  func lint() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let outcome = try await Latchkey.call("manual", "--output", folder.path)
    #expect(outcome.status == 0 && outcome.output.isEmpty && outcome.errors.isEmpty)
    let pages = entries(of: folder.path).sorted()
    #expect(pages == (try ManualCommand.pages().map(\.fileName)).sorted())
    #expect(Set(pages).isSuperset(of: ["latchkey.1", "latchkey-run.1", "latchkey-contend.1", "latchkey-manual.1"]))
    #expect(!pages.contains("latchkey-contend-child.1") && !pages.contains("latchkey-help.1"))
    let (lines, status) = try await run(["mandoc", "-T", "lint", "-W", "warning"] + pages.map(folder.file))
    #expect(lines == [])
    #expect(status == .exited(0))
  }

  @Test("says on every page what is to be known of environment, files, exit statuses and by example")
  func sections() throws {
    for page in try ManualCommand.pages() {
      for title in ["ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
        #expect(page.source.ranges(of: "\n.Sh \(title)\n").count == 1, "\(page.name): \(title)")
      }
      #expect(page.source.contains("LATCHKEY_PASSWORD") && page.source.contains("NO_COLOR"))
    }
  }

  @Test("prints one page, and says which there are when there is none")
  func onePage() async throws {
    let page = try await Latchkey.call("manual", "run")
    #expect(page.status == 0)
    #expect(
      page.output.contains(".Dt LATCHKEY-RUN 1") && page.output.contains(".Os \"Latchkey \(LatchkeyCommand.version)\"")
    )
    let none = try await Latchkey.call("manual", "nonsense")
    #expect(page.output.contains(".Fl - Ar \"\\&command\" ..."))
    #expect(none.status == 64)
    #expect(none.errorText.contains("write one of: contend"))
  }

  @Test("takes the text of a help apart")
  func helpText() {
    let help = HelpText(
      """
      One
      two.

      Three.

      EXAMPLES
        Do it:
          latchkey x \\
            --y
        Again:
          z

      EXIT STATUS
        0      well
        128+n  by
                 signal
        The end.
      """
    )
    #expect(help[nil]?.blocks == [.paragraph("One two."), .paragraph("Three.")])
    #expect(
      help["EXAMPLES"]?.blocks == [
        .paragraph("Do it:"), .code(["latchkey x \\", "  --y"]), .paragraph("Again:"), .code(["z"]),
      ]
    )
    #expect(
      help["EXIT STATUS"]?.blocks == [
        .item(term: "0", text: "well"), .item(term: "128+n", text: "by signal"), .paragraph("The end."),
      ]
    )
  }

  @Test("escapes what would be a request, and gives each sentence a line")
  func escapes() {
    #expect(Mdoc.text("One. Two: e.g. three? 'Four'") == "One.\nTwo: e.g. three?\n\\&'Four'")
    #expect(Mdoc.text(".x \\ µ") == "\\&.x \\e \\[u00B5]")
    #expect(Mdoc.words("No Op here") == "\\&No \\&Op here")
  }
}
