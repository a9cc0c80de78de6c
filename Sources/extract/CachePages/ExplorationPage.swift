import Compute
import Files
import Reporting
import TokenStore

/// The page of `extract explore`: what a cache holds.
package struct ExplorationPage {
  package let report: HTMLReport
  package let figures: [NamedFigure]
  /// What is worth telling besides: images that could not be shown.
  package let remarks: [String]

  /// What takes a while: the norms of rows, and samples.
  package enum Step: Sendable { case norms, samples }

  /// - Parameters:
  ///   - name: of the cache.
  ///   - sampleCount: images to show.
  ///   - images: nil for their attention alone.
  ///   - onProgress: told how much of a step is done, before the first part of it, too, from any thread but never twice at
  ///     once. What it throws ends the work.
  package init(
    _ cache: TokenCache, name: String, sampleCount: Int, images: InputImages?, parallel: Parallel,
    onProgress: @Sendable (_ step: Step, _ done: Int, _ total: Int) throws -> Void = { _, _, _ in }
  ) throws {
    let configuration = cache.configuration
    var report = HTMLReport(title: "The token cache \(name)")
    var figures: [NamedFigure] = []
    var remarks: [String] = []
    report.append(provenance: CacheDescription.lines(cache.manifest))
    report.append(heading: "What is stored")
    report.append(CacheContents.datasets(cache), caption: "Datasets of all shards together")
    if let counts = CacheContents.classCounts(cache) {
      let figure = CacheContents.classes(counts, names: configuration.dataset.classNames)
      figures.append(figure)
      report.append(heading: "Classes")
      report.append(figure.figure, caption: figure.caption)
      report.append(
        folded: CacheContents.classTable(counts, names: configuration.dataset.classNames),
        summary: "All \(counts.count) classes as CSV")
    }
    if cache.hasTokens {
      let survey = try TokenNormSurvey(cache, parallel: parallel) { try onProgress(.norms, $0, $1) }
      let norms = TokenNormFigures.all(survey, configuration.model)
      figures += norms
      report.append(heading: "Norms of tokens")
      report.append(paragraph: Self.text(survey, configuration.augmentation))
      report.append(norms.map { ($0.figure, $0.caption) })
      report.append(TokenNormFigures.table(survey), caption: "Norms of patches by block")
    }
    if sampleCount > 0 {
      let samples = try SampleGallery(cache, count: sampleCount, images: images) {
        try onProgress(.samples, $0, $1)
      }
      report.append(heading: "Samples")
      report.append(paragraph: Self.samplesText(configuration.model, hasTokens: cache.hasTokens))
      report.append(colourScaleFrom: "the least value of each map", to: "the greatest")
      report.append(samples.gallery)
      remarks = samples.failures
      if let first = samples.missing.first {
        remarks.append("\(samples.missing.count) of the samples are not in the data set, such as \(first)")
      }
    }
    self.report = report
    self.figures = figures
    self.remarks = remarks
  }

  private static func text(
    _ survey: TokenNormSurvey, _ augmentation: CacheConfiguration.Augmentation
  ) -> String {
    let broken = survey.blocks.reduce(0) { $0 + $1.brokenCount }
    let part = survey.rowCount < survey.goodRowCount ? "\(survey.rowCount) of \(survey.goodRowCount)" : "all"
    return
      "Euclidean norms of the tokens of \(part) \(augmentation.rowUnit), before the final norm. Vision Transformers of some size "
      + "turn patches of little content into registers for themselves, which show as outliers in norm (Darcet et al., \u{201C}Vision "
      + "Transformers Need Registers\u{201D}, 2024). Outliers are patches beyond the third quartile by more than three times the "
      + "distance of the quartiles."
      + (broken > 0 ? " \(broken) norms are not finite numbers and are left out." : "")
  }

  private static func samplesText(_ model: CacheConfiguration.Model, hasTokens: Bool) -> String {
    let attention =
      model.hasClassToken
      ? "the attention from [cls] to the patches in the last block, its mean over heads and each head"
      : "the attention from the central patches in the last block, as the model has no [cls]"
    return "Images drawn evenly from the classes, with \(attention)"
      + (hasTokens ? ", and the norms of the last stored block's patches" : "")
      + ". Each map has its own range."
  }
}
