import Commands
import Maps
import Reporting

extension MapGallery.Observer {
  /// Shows how far the drawing of maps is, and ends it at Ctrl-C.
  init(_ work: WorkAtHand) {
    self.init(
      shouldStop: { Interruption.isRequested },
      onMeasured: { images, total in
        if images == 0 { work.begin("Measuring", total: total) }
        work.advance(to: images)
      },
      onChosen: { work.begin("Drawing", total: $0) },
      onDrawn: { work.advance() })
  }
}
