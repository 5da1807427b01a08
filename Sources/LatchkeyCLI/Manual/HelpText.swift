/// The long text of a command's help, taken apart: the manual says the same in another form.
///
/// A line in capitals is a heading. Lines without indentation are a paragraph, and so are those indented by two, unless two
/// spaces part a term from its explanation. What is indented further is code, or goes on with an explanation.
struct HelpText: Hashable, Sendable {
  enum Block: Hashable, Sendable {
    case paragraph(String)
    case item(term: String, text: String)
    case code([String])
  }

  struct Section: Hashable, Sendable {
    /// Nil for what stands before the first heading.
    var title: String?
    var blocks: [Block] = []
  }

  private(set) var sections = [Section()]

  init(_ text: String) {
    var mayGoOn = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let content = line.drop { $0 == " " }
      guard !content.isEmpty else {
        mayGoOn = false
        continue
      }
      self.add(String(content), indent: line.count - content.count, goesOn: mayGoOn)
      mayGoOn = true
    }
    self.sections.removeAll { $0.title == nil && $0.blocks.isEmpty }
  }

  /// The section with a title.
  subscript(title: String?) -> Section? { self.sections.first { $0.title == title } }

  private mutating func add(_ content: String, indent: Int, goesOn: Bool) {
    if indent == 0, Self.isHeading(content) {
      self.sections.append(Section(title: content))
      return
    }
    let last = self.sections.count - 1
    let previous = goesOn ? self.sections[last].blocks.last : nil
    let place = self.sections[last].blocks.count - 1
    switch previous {
    case .item(let term, let text) where indent >= 4:
      self.sections[last].blocks[place] = .item(term: term, text: "\(text) \(content)")
    case .code(let lines) where indent >= 4:
      let extra = String(repeating: " ", count: max(0, indent - 4))
      self.sections[last].blocks[place] = .code(lines + [extra + content])
    case .paragraph(let text) where indent == 0:
      self.sections[last].blocks[place] = .paragraph("\(text) \(content)")
    default: self.sections[last].blocks.append(Self.block(content, indent: indent))
    }
  }

  private static func block(_ content: String, indent: Int) -> Block {
    if indent >= 4 { return .code([content]) }
    guard indent > 0, let gap = content.firstRange(of: "  ") else { return .paragraph(content) }
    let text = content[gap.upperBound...].drop { $0 == " " }
    return .item(term: String(content[..<gap.lowerBound]), text: String(text))
  }

  private static func isHeading(_ line: String) -> Bool {
    line.count > 3 && line.allSatisfy { $0.isUppercase || $0 == " " }
  }
}
