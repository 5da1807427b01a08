/// What the argument parser knows about a command, as far as the manual needs it.
struct ToolInfo: Decodable, Sendable {
  struct Command: Decodable, Sendable {
    var commandName: String
    var abstract: String?
    var discussion: String?
    var shouldDisplay: Bool
    var arguments: [Argument]?
    var subcommands: [Command]?

    /// The subcommands that people may use.
    var shownSubcommands: [Command] { (self.subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" } }
  }

  struct Argument: Decodable, Sendable {
    enum Kind: String, Decodable, Sendable {
      case positional, option, flag
    }

    struct Name: Decodable, Sendable {
      var kind: String
      var name: String

      /// As after the first dash.
      var afterDash: String { self.kind == "long" ? "-" + self.name : self.name }
    }

    var kind: Kind
    var shouldDisplay: Bool
    var sectionTitle: String?
    var isOptional: Bool
    var isRepeating: Bool
    /// Where among the words it is looked for; of what comes after `--`: `postTerminator`.
    var parsingStrategy: String?
    var names: [Name]?
    var valueName: String?
    var defaultValue: String?
    var abstract: String?
  }

  var command: Command
}
