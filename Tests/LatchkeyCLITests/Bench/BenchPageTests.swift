import LatchkeyProcesses
import Testing

@testable import LatchkeyCLI

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a browser says about a picture of the page.
private struct ChartSeen: Codable {
  var id: String
  var x: Double
  var y: Double
  var width: Double
  var height: Double
  /// The colours of what is drawn, as `rgb(…)`.
  var colours: [String]
  var marks: Int
  /// Marks and texts that reach out of the picture.
  var outside: [String]
  /// Texts that cover each other.
  var overlapping: [String]
  var hasTable: Bool
  /// How many points each of the colours has in the picture.
  var points: [Int]?
}

private struct PageSeen: Codable {
  var height: Double
  /// Whether the page is wider than the window.
  var isTooWide: Bool
  var charts: [ChartSeen]
}

/// How bright the ground of the picture is, and the points of each chart's colours.
private struct PictureSeen: Codable {
  var ground: Double
  var points: [[Int]]
}

@Suite("The page of latchkey bench --report", .timeLimit(.minutes(3)))
struct BenchPageTests {
  /// Measures every chart of the page it stands in.
  private static let measuring = """
    <script>
    const seen = [...document.querySelectorAll("figure.chart")].map(figure => {
      const svg = figure.querySelector("svg"), area = svg.getBoundingClientRect();
      const marks = [...svg.querySelectorAll(".mark")], texts = [...svg.querySelectorAll("text")].filter(t => t.textContent);
      const box = e => e.getBoundingClientRect();
      const out = e => { const b = box(e); return b.left < area.left - 1 || b.right > area.right + 1
        || b.top < area.top - 1 || b.bottom > area.bottom + 1; };
      const cover = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
      const overlapping = [];
      texts.forEach((t, i) => texts.slice(i + 1).forEach(u => {
        if (cover(box(t), box(u))) overlapping.push(t.textContent + " / " + u.textContent); }));
      const colour = e => { const s = getComputedStyle(e); return e.matches(".curve") ? s.stroke : s.fill; };
      return { id: figure.id, x: area.left + scrollX, y: area.top + scrollY, width: area.width, height: area.height,
        colours: [...new Set(marks.map(colour))],
        marks: marks.filter(m => { const b = box(m); return b.width + b.height > 0; }).length,
        outside: [...marks, ...texts].filter(out).map(e => e.textContent || e.tagName), overlapping,
        hasTable: figure.querySelectorAll("details table tbody tr").length > 0 };
    });
    const root = document.documentElement;
    const result = { height: root.scrollHeight, isTooWide: root.scrollWidth > root.clientWidth, charts: seen };
    document.body.replaceChildren(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(result) }));
    </script>
    """

  /// A page that looks at a picture: counts the points of some colours in some areas.
  private static func looking(at picture: Data, areas: String) -> String {
    """
    <!DOCTYPE html><body><script>
    const areas = \(areas), image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = image.width; canvas.height = image.height;
      const drawing = canvas.getContext("2d", { willReadFrequently: true });
      drawing.drawImage(image, 0, 0);
      const points = areas.map(area => {
        const data = drawing.getImageData(area.x, area.y, area.width, area.height).data;
        return area.colours.map(text => {
          const [r, g, b] = text.match(/[0-9]+/g).map(Number);
          let count = 0;
          for (let i = 0; i < data.length; i += 4)
            if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 24) count += 1;
          return count;
        });
      });
      const ground = drawing.getImageData(2, 2, 1, 1).data;
      const result = { ground: (ground[0] + ground[1] + ground[2]) / 3, points };
      document.body.append(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(result) }));
    };
    image.src = "data:image/png;base64,\(picture.base64EncodedString())";
    </script></body>
    """
  }

  /// Lays out a page, takes its picture, and looks at what is in it.
  private func see(_ html: String, _ theme: Browser.Theme) async throws -> (page: PageSeen, ground: Double) {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "latchkey-page-\(UInt64.random(in: 0 ... .max))"
    )
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let browser = Browser(folder: folder.path(percentEncoded: false), theme: theme)
    let measured = html.replacing("</body>", with: Self.measuring + "</body>")
    var page = try JSON.decode(PageSeen.self, from: await browser.result(of: measured))
    // Room for the browser's own bars, which belong to the window.
    let picture = try await browser.picture(of: html, height: Int(page.height) + 200)
    let areas = try JSON.encode(page.charts)
    let seen = try JSON.decode(
      PictureSeen.self,
      from: await browser.result(of: Self.looking(at: picture, areas: areas))
    )
    for place in page.charts.indices { page.charts[place].points = seen.points[place] }
    return (page, seen.ground)
  }

  /// Checks that every chart is there, is drawn in the colours of its backends, and can be read.
  private func check(_ page: PageSeen, targets: Int) throws {
    let workloads = BenchWorkload.allCases.map(\.rawValue)
    let expected =
      workloads.map { "\($0)-throughput" } + workloads.filter { $0 != "crowd" }.map { "\($0)-latency" }
      + (0..<targets).map { "handoff-timeline-\($0)" } + ["crowd-drain"]
    #expect(Set(page.charts.map(\.id)) == Set(expected))
    #expect(page.charts.count == expected.count)
    #expect(!page.isTooWide)
    for chart in page.charts {
      #expect(chart.width > 400 && chart.height > 80, "\(chart.id)")
      #expect(chart.outside == [], "\(chart.id) is cut off")
      #expect(chart.overlapping == [], "\(chart.id) cannot be read")
      #expect(chart.hasTable, "\(chart.id) has no table")
      let isTimeline = chart.id.hasPrefix("handoff-timeline")
      #expect(chart.colours.count == (isTimeline ? 1 : targets), "\(chart.id)")
      #expect(isTimeline ? chart.marks >= 40 : chart.marks == targets, "\(chart.id) has \(chart.marks) marks")
      let points = try #require(chart.points)
      for (colour, count) in zip(chart.colours, points) { #expect(count >= 20, "\(chart.id) shows no \(colour)") }
    }
  }

  @Test(
    "shows every chart in a real browser, in light and dark, for as many backends as there are colours",
    arguments: Browser.Theme.allCases
  )
  func manyBackends(theme: Browser.Theme) async throws {
    let outcome = try SampleBench.outcome([
      "local:a", "channel:a", "zookeeper://h/a", "zookeeper://h,i,j/a", "redis://h/a", "redlock://a,b,c,d,e/x",
      "etcd://h/a", "etcd://a,b,c/a",
    ])
    let (page, ground) = try await self.see(BenchPage(outcome).html, theme)
    try self.check(page, targets: 8)
    #expect(theme == .dark ? ground < 64 : ground > 200)
  }

  @Test("is written by the command, needs nothing from elsewhere, and shows what was measured")
  func written() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("bench.html")
    let outcome = try await Latchkey.call("bench", "--quick", "--report", path)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(outcome.errorText.contains(path))
    let html = try String(contentsOf: URL(filePath: path), encoding: .utf8)
    for foreign in ["http:", "https:", "<script", "<link", "@import", "url(", "src="] {
      #expect(!html.contains(foreign), "\(foreign)")
    }
    #expect(html.contains("prefers-color-scheme: dark"))
    #expect(html.contains(Machine.current().summary.replacing("&", with: "&amp;")))
    try self.check(try await self.see(html, .light).page, targets: 2)
  }

  @Test("says on the page what is missing, and cannot be made to say anything else")
  func warnings() throws {
    var outcome = try SampleBench.outcome(["local:a"])
    outcome.failures = [.init(target: "redis", kind: "redis", message: "<script>alert(1)</script>", code: 69)]
    let html = BenchPage(outcome).html
    #expect(html.contains("redis is missing"))
    #expect(html.contains("&lt;script&gt;") && !html.contains("<script>"))
  }
}
