import LatchkeyProcesses
import Testing

@testable import LatchkeyCLI

@Suite("Completion scripts", .timeLimit(.minutes(2)))
struct CompletionTests {
  @Test("that of bash has no syntax error, and completes commands, schemes and servers")
  func bash() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let script = try await Latchkey.call("completions", "bash")
    #expect(script.status == 0 && script.errors.isEmpty)
    let file = folder.file("latchkey.bash")
    try write(script.output.joined(separator: "\n") + "\n", to: file)
    let test = folder.file("test.bash")
    try write(Self.test(sourcing: file), to: test)

    let (lines, status) = try await run(["bash", test])
    #expect(status == .exited(0))
    #expect(
      lines == [
        "syntax ok", "contend", "zookeeper zookeeper:3 redis redis:5 etcd etcd:3", "etcd etcd:3", "zookeeper://",
        "auto always never", "bash zsh fish",
      ]
    )
  }

  @Test(
    "those of zsh and fish are for this command",
    arguments: [("zsh", "#compdef latchkey"), ("fish", "complete -c")]
  )
  func others(shell: String, mark: String) async throws {
    let script = try await Latchkey.call("completions", shell)
    #expect(script.status == 0)
    #expect(script.output.contains { $0.contains(mark) })
    #expect(script.output.contains { $0.contains("zookeeper:3") })
    #expect(!script.output.contains { $0.contains("contend-child") })
  }

  /// Asks the completion function as bash does when the tab key is pressed, and prints what it offers.
  private static func test(sourcing file: String) -> String {
    """
    bash -n '\(file)' && echo syntax ok
    source '\(file)'
    complete -p latchkey > /dev/null || exit 1
    function=$(complete -p latchkey | sed -E 's/.*-F ([^ ]+).*/\\1/')
    offer() {
      COMP_LINE="$1" COMP_POINT=${#1}
      read -ra COMP_WORDS <<< "$1"
      [[ "$1" == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
      "$function" latchkey "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      echo "${COMPREPLY[*]}"
    }
    offer 'latchkey con'
    offer 'latchkey contend --serve '
    offer 'latchkey bench --serve e'
    offer 'latchkey run zoo'
    offer 'latchkey contend --color '
    offer 'latchkey completions '

    """
  }
}
