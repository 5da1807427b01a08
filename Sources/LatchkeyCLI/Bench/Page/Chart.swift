/// A page that needs nothing else: no script, no font, no picture from anywhere.
struct Page: Sendable {
  var title: String
  var heading: String
  /// What made the page and when, as marked-up text.
  var origin: String
  var facts: [(name: String, text: String)]
  var warnings: [String]
  /// Rules beside those of ``PageStyle``.
  var style = ""
  /// The sections, marked up.
  var sections: [String]

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(Markup.escape(self.title))</title>
    <style>
    \(PageStyle.css)
    \(self.style)
    </style>
    </head>
    <body>
    <header>
    <h1>\(Markup.escape(self.heading))</h1>
    <p class="quiet">\(self.origin)</p>
    <dl>\(self.facts.map { "<dt>\($0.name)</dt><dd>\(Markup.escape($0.text))</dd>" }.joined())</dl>
    \(self.warnings.map { "<p class=\"warning\">\(Markup.escape($0))</p>" }.joined(separator: "\n"))
    </header>
    <main>
    \(self.sections.joined(separator: "\n"))
    </main>
    </body>
    </html>
    """
  }
}

/// A picture with what it needs to be read without eyes or colours: a title, a description, and the figures as a table.
struct Chart: Sendable {
  /// For links and tests.
  let id: String
  let title: String
  /// What it shows, and how its axes go.
  let caption: String
  let width: Double
  let height: Double
  /// The elements of the picture.
  let marks: String
  let table: String

  /// The whole figure.
  var html: String {
    """
    <figure class="chart" id="\(self.id)">
    <figcaption><h3>\(Markup.escape(self.title))</h3><p>\(Markup.escape(self.caption))</p></figcaption>
    <div class="picture"><svg viewBox="0 0 \(Markup.number(self.width)) \(Markup.number(self.height))" role="img" \
    aria-labelledby="\(self.id)-t \(self.id)-d">
    <title id="\(self.id)-t">\(Markup.escape(self.title))</title>
    <desc id="\(self.id)-d">\(Markup.escape(self.caption))</desc>
    \(self.marks)
    </svg></div>
    <details><summary>The figures as a table</summary>
    \(self.table)
    </details>
    </figure>
    """
  }
}

/// How the backends look, the same in all pictures: by colour, and by the way their lines are broken for who sees no colours.
struct Series: Sendable {
  /// The colours are defined in ``PageStyle``.
  static let colours = 8
  private static let dashes = ["", "7 3", "2 3", "9 3 2 3", "12 4", "5 2 1 2 1 2", "1 2", "4 4"]

  let name: String
  let place: Int

  var colour: String { "c\(self.place % Self.colours)" }

  var dash: String {
    let dash = Self.dashes[self.place % Self.dashes.count]
    return dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\""
  }
}

/// The elements that pictures are made of.
enum Draw {
  static func text(_ text: String, x: Double, y: Double, anchor: String = "start", class name: String = "") -> String {
    let style = name.isEmpty ? "" : " class=\"\(name)\""
    return
      "<text x=\"\(Markup.number(x))\" y=\"\(Markup.number(y))\" text-anchor=\"\(anchor)\"\(style)>\(Markup.escape(text))</text>"
  }

  static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class name: String) -> String {
    "<line x1=\"\(Markup.number(x1))\" y1=\"\(Markup.number(y1))\" x2=\"\(Markup.number(x2))\" y2=\"\(Markup.number(y2))\" class=\"\(name)\"/>"
  }

  static func box(x: Double, y: Double, width: Double, height: Double, class name: String, title: String? = nil)
    -> String
  {
    let start =
      "<rect x=\"\(Markup.number(x))\" y=\"\(Markup.number(y))\" width=\"\(Markup.number(width))\" height=\"\(Markup.number(height))\" class=\"\(name)\""
    guard let title else { return start + "/>" }
    return start + "><title>\(Markup.escape(title))</title></rect>"
  }

  /// The frame of a picture of what happened when: a striped row for each name, and a grid of time.
  ///
  /// - Parameters:
  ///   - names: What stands before each row; nothing where nil.
  ///   - top: Where the first row begins.
  ///   - height: That of a row.
  ///   - scale: The time.
  ///   - step: How far apart the lines of the grid are.
  ///   - label: What stands below each of them.
  static func rows(
    _ names: [String?],
    top: Double,
    height: Double,
    scale: Scale,
    step: Double,
    label: (Double) -> String
  ) -> [String] {
    let (left, right) = scale.ends
    let bottom = top + Double(names.count) * height
    var marks: [String] = []
    for (place, name) in names.enumerated() {
      let y = top + Double(place) * height
      if place.isMultiple(of: 2) {
        marks.append(self.box(x: left, y: y, width: right - left, height: height, class: "stripe"))
      }
      if let name { marks.append(self.text(name, x: left - 8, y: y + height / 2 + 4, anchor: "end")) }
    }
    for value in stride(from: 0, through: scale.domain.upperBound, by: step) {
      marks.append(self.line(scale(value), top, scale(value), bottom, class: "grid"))
      marks.append(self.text(label(value), x: scale(value), y: bottom + 18, anchor: "middle"))
    }
    return marks
  }

  /// A line through points, in the look of a series.
  static func curve(_ points: [(x: Double, y: Double)], of series: Series) -> String {
    let list = points.map { "\(Markup.number($0.x)),\(Markup.number($0.y))" }.joined(separator: " ")
    return "<polyline points=\"\(list)\" class=\"mark curve \(series.colour)\"\(series.dash)/>"
  }
}

/// The frame of a picture with two axes: grid, ticks, and what the axes mean.
struct Axes: Sendable {
  let x: Scale
  let y: Scale

  func marks(xTicks: [Scale.Tick], yTicks: [Scale.Tick], xTitle: String, yTitle: String) -> String {
    var marks: [String] = []
    for tick in yTicks {
      let y = self.y(tick.value)
      marks.append(Draw.line(self.x.ends.first, y, self.x.ends.last, y, class: "grid"))
      marks.append(Draw.text(tick.label, x: self.x.ends.first - 8, y: y + 4, anchor: "end"))
    }
    for tick in xTicks {
      let x = self.x(tick.value)
      marks.append(Draw.line(x, self.y.ends.first, x, self.y.ends.last, class: "grid"))
      marks.append(Draw.text(tick.label, x: x, y: self.y.ends.first + 18, anchor: "middle"))
    }
    marks.append(Draw.line(self.x.ends.first, self.y.ends.first, self.x.ends.last, self.y.ends.first, class: "axis"))
    let middle = (self.x.ends.first + self.x.ends.last) / 2
    marks.append(Draw.text(xTitle, x: middle, y: self.y.ends.first + 38, anchor: "middle", class: "quiet"))
    // Above the axis, not along it: nobody has to turn their head.
    marks.append(Draw.text(yTitle, x: 4, y: self.y.ends.last - 12, class: "quiet"))
    return marks.joined(separator: "\n")
  }
}

/// Text for HTML and SVG.
enum Markup {
  /// Makes any text safe inside an element or a quoted attribute.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.unicodeScalars.append(character)
      }
    }
    return escaped
  }

  /// A coordinate, to a tenth.
  static func number(_ value: Double) -> String {
    let tenths = (value * 10).rounded()
    guard tenths.isFinite else { return "0" }
    let whole = Int(tenths)
    let sign = whole < 0 ? "-" : ""
    let (quotient, rest) = whole.magnitude.quotientAndRemainder(dividingBy: 10)
    return rest == 0 ? "\(sign)\(quotient)" : "\(sign)\(quotient).\(rest)"
  }

  /// A table whose first column names the rows.
  static func table(caption: String, headings: [String], rows: [[String]]) -> String {
    let head = headings.map { "<th scope=\"col\">\(self.escape($0))</th>" }.joined()
    let body = rows.map { cells in
      let name = cells.first.map { "<th scope=\"row\">\(self.escape($0))</th>" } ?? ""
      return "<tr>\(name)" + cells.dropFirst().map { "<td>\(self.escape($0))</td>" }.joined() + "</tr>"
    }
    return """
      <table><caption>\(self.escape(caption))</caption>
      <thead><tr>\(head)</tr></thead>
      <tbody>
      \(body.joined(separator: "\n"))
      </tbody></table>
      """
  }
}
