/// One page of the manual, in the language of mdoc(7).
struct ManualPage: Sendable {
  /// When what the pages say last changed.
  static let date = "November 23, 2026"

  let command: ToolInfo.Command
  /// The page of `latchkey` itself, if this is one of a subcommand.
  let root: ToolInfo.Command?

  /// Of the page, as in `latchkey-run`.
  var name: String { self.root.map { "\($0.commandName)-\(self.command.commandName)" } ?? self.command.commandName }

  var fileName: String { "\(self.name).1" }

  /// All pages: that of `latchkey`, then one for each subcommand.
  static func all(_ info: ToolInfo) -> [ManualPage] {
    [ManualPage(command: info.command, root: nil)]
      + info.command.shownSubcommands.map { ManualPage(command: $0, root: info.command) }
  }

  /// The page's source.
  var source: String {
    let help = HelpText(self.command.discussion ?? "")
    let common = [CommonHelp.environment, CommonHelp.files, CommonHelp.exitStatus].flatMap { HelpText($0).sections }
    let usual = ["ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES"]
    var lines = [
      ".Dd \(Self.date)",
      ".Dt \(self.name.uppercased()) 1",
      ".Os \"Latchkey \(LatchkeyCommand.version)\"",
      ".Sh NAME",
      ".Nm \(self.name)",
      ".Nd \(Mdoc.words(self.abstract))",
      ".Sh SYNOPSIS",
    ]
    lines += self.synopsis
    lines.append(".Sh DESCRIPTION")
    lines += Mdoc.blocks(help[nil]?.blocks ?? [.paragraph(self.command.abstract ?? "")])
    lines += self.subcommands + self.options
    for section in help.sections {
      if let title = section.title, !usual.contains(title) { lines += Mdoc.section(section) }
    }
    for title in usual {
      if let section = help[title] ?? common.first(where: { $0.title == title }) { lines += Mdoc.section(section) }
    }
    lines.append(".Sh SEE ALSO")
    lines += self.references
    return lines.joined(separator: "\n") + "\n"
  }

  /// As a name's explanation: without a capital and a full stop.
  private var abstract: String {
    let text = self.command.abstract ?? ""
    return text.prefix(1).lowercased() + (text.hasSuffix(".") ? text.dropFirst().dropLast() : text.dropFirst())
  }

  private var arguments: [ToolInfo.Argument] { (self.command.arguments ?? []).filter(\.shouldDisplay) }

  private var synopsis: [String] {
    // The name as it is called, not that of the page.
    var lines = [".Nm \(self.root.map { "\($0.commandName) \(self.command.commandName)" } ?? self.name)"]
    if self.arguments.contains(where: { $0.kind != .positional }) { lines.append(".Op Ar options") }
    for argument in self.arguments where argument.kind == .positional {
      let value = Mdoc.term(argument.valueName ?? "value")
      let more = argument.isRepeating ? " ..." : ""
      if argument.parsingStrategy == "postTerminator" {
        lines.append(".Fl - Ar \(value)\(more)")
        continue
      }
      lines.append(argument.isOptional ? ".Op Ar \(value)\(more)" : ".Ar \(value)\(more)")
    }
    if self.root == nil { lines.append(".Ar command") }
    return lines
  }

  private var subcommands: [String] {
    guard self.root == nil else { return [] }
    let items = self.command.shownSubcommands.map { subcommand in
      [".It Xr \(self.name)-\(subcommand.commandName) 1", Mdoc.text(subcommand.abstract ?? "")]
    }
    return [".Sh COMMANDS", ".Bl -tag -width Ds"] + items.flatMap { $0 } + [".El"]
  }

  /// The options under the titles of their groups.
  private var options: [String] {
    var lines: [String] = []
    var titles: [String?] = []
    for argument in self.arguments where !titles.contains(argument.sectionTitle) {
      titles.append(argument.sectionTitle)
    }
    for title in titles {
      if let title { lines.append(".Ss \(Mdoc.words(title))") }
      lines.append(".Bl -tag -width Ds")
      for argument in self.arguments where argument.sectionTitle == title { lines += Self.item(argument) }
      lines.append(".El")
    }
    return lines.isEmpty ? [] : [".Sh OPTIONS"] + lines
  }

  private static func item(_ argument: ToolInfo.Argument) -> [String] {
    let value = Mdoc.term(argument.valueName ?? "value")
    let names = (argument.names ?? []).map { "Fl \($0.afterDash)" }.joined(separator: " , ")
    let head =
      switch argument.kind {
      case .positional: "Ar \(value)"
      case .option: "\(names) Ar \(value)"
      case .flag: names
      }
    var text = argument.abstract ?? ""
    if let value = argument.defaultValue, !text.contains("(default:") { text += " (default: \(value))" }
    return [".It \(head)", Mdoc.text(text)]
  }

  private var references: [String] {
    let others =
      self.root.map { [$0.commandName] } ?? self.command.shownSubcommands.map { "\(self.name)-\($0.commandName)" }
    let sorted = others.sorted()
    return sorted.enumerated().map { place, name in ".Xr \(name) 1" + (place < sorted.count - 1 ? " ," : "") }
  }
}
