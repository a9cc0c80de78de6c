import Commands
import Maps
import Reporting
import Synchronization

/// Shows how far the drawing of maps is.
final class MapsMonitor: Sendable {
  private let style: Progress.Style
  /// Of the work at hand.
  private let progress = Mutex<Progress?>(nil)

  init(style: Progress.Style) { self.style = style }

  var observer: MapGallery.Observer {
    MapGallery.Observer(
      shouldStop: { Interruption.isRequested },
      onMeasured: { self.measured($0, of: $1) },
      onChosen: { self.begin("Drawing", total: $0) },
      onDrawn: { self.progress.withLock { $0?.advance() } })
  }

  func close() { progress.withLock { $0?.finish() } }

  private func measured(_ images: Int, of total: Int) {
    if progress.withLock({ $0 == nil }) { begin("Measuring", total: total) }
    progress.withLock { $0?.advance(by: images) }
  }

  private func begin(_ doing: String, total: Int) {
    close()
    progress.withLock { $0 = Progress(doing, unit: "images", total: total, style: style) }
  }
}
