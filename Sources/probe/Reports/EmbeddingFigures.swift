import Reporting

/// The validation images in two dimensions, by what each head passes to its classifier.
package struct EmbeddingFigures {
  private let heads: [ExaminedHead]

  package init(_ heads: [ExaminedHead]) { self.heads = heads }

  /// t-SNE and principal components of each head.
  package var figures: [NamedFigure] {
    heads.enumerated().flatMap { number, head -> [NamedFigure] in
      guard let embedding = head.embedding else { return [] }
      let shares = embedding.explainedShares.map { NumberText.fixed(100 * $0, 1) }
      return [
        NamedFigure(
          fileName: "tsne-\(number + 1)-\(head.name)",
          figure: plot(
            "t-SNE", Axis("t-SNE 1"), Axis("t-SNE 2"), embedding.neighbours, head),
          caption: ""),
        NamedFigure(
          fileName: "pca-\(number + 1)-\(head.name)",
          figure: plot(
            "Principal components", Axis("component 1", unit: "\(shares[0]) % of the variance"),
            Axis("component 2", unit: "\(shares[1]) %"), embedding.components, head),
          caption: ""),
      ]
    }
  }

  private func plot(
    _ title: String, _ x: Axis, _ y: Axis, _ places: [Double], _ head: ExaminedHead
  ) -> ScatterPlot {
    let images = head.embedding!.images
    let labels = Set(images.map(\.label)).sorted()
    return ScatterPlot(
      title, of: head.name, x: x, y: y,
      series: labels.map { label in
        .init(
          head.examination.classNames[label],
          images.indices.filter { images[$0].label == label }.map {
            .init(x: places[2 * $0], y: places[2 * $0 + 1], name: images[$0].id)
          })
      }, size: .half)
  }

  /// What is drawn, or why nothing is; nil where no head was looked at.
  package var explanation: String? {
    guard let first = heads.first else { return nil }
    guard let embedding = heads.lazy.compactMap(\.embedding).first else {
      guard case .none(let reason) = first.examination.embedding else { return nil }
      return "Nothing is drawn: \(reason)."
    }
    let classes = Set(embedding.images.map(\.label)).count
    return
      "\(embedding.images.count) images of \(classes) classes, by the features that the classifier sees, behind the batch norm."
      + (embedding.areOfSets ? " Of several labels an image is drawn as of its first." : "")
      + " t-SNE (perplexity \(NumberText.significant(embedding.perplexity)), from principal components) keeps neighbours "
      + "together; distances between groups mean little. Principal components are the directions of the greatest variance."
  }
}
