internal import ArgumentParser

/// `latchkey completions`: what a shell needs to complete this command's words.
struct CompletionsCommand: AsyncParsableCommand {
  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash, zsh, fish

    var script: String {
      switch self {
      case .bash: LatchkeyCommand.completionScript(for: .bash)
      case .zsh: LatchkeyCommand.completionScript(for: .zsh)
      case .fish: LatchkeyCommand.completionScript(for: .fish)
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "completions",
    abstract: "Print the completion script of a shell.",
    discussion: """
      With the script, the tab key completes commands, options, the schemes of URLs, the servers of --serve, and files.

      EXAMPLES
        bash, for this shell and for those to come:
          source <(latchkey completions bash)
          latchkey completions bash \\
            > ~/.local/share/bash-completion/completions/latchkey
        zsh, into a folder of $fpath:
          latchkey completions zsh > ~/.zsh/completions/_latchkey
        fish:
          latchkey completions fish > ~/.config/fish/completions/latchkey.fish

      EXIT STATUS
        0   the script was printed
        64  there is no script for that shell
      """
  )

  @Argument(help: "The shell: bash, zsh or fish.")
  var shell: Shell

  func run() async throws {
    try Console.output(self.shell.script)
  }
}
