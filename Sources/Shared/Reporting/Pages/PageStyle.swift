/// The layout of pages, on screens of any width and on paper; colours are variables of ``FigureStyle``.
///
/// Long names break where a line ends, so that no page is wider than its window. Tables rather scroll than break words.
enum PageStyle {
  static let css = text + figures + tables + galleries + narrow + paper

  private static let text = """
    :root{--alert:#b04400}@media screen and (prefers-color-scheme:dark){:root{--alert:#ff8f3f}}\
    body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
    main{max-width:960px;margin:0 auto;padding:24px 20px 64px}main:has(.spacious){max-width:1200px}\
    p{max-width:70ch}a{color:var(--series-0)}:focus-visible{outline:2px solid var(--series-0);outline-offset:2px}\
    h1{font-size:28px;line-height:1.2}\
    .heading{display:flex;gap:20px;justify-content:space-between;align-items:baseline;margin:48px 0 12px}\
    h2{font-size:20px;margin:0}\
    nav{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:14px}.back{font-size:13px;color:var(--faint);white-space:nowrap}\
    .faint{color:var(--faint)}.alert{color:var(--alert)}\
    pre{overflow-x:auto;padding:12px;border:1px solid var(--grid);border-radius:6px;font-size:13px}\
    summary{cursor:pointer;font-size:14px}details{margin:12px 0}\
    dl{display:grid;grid-template-columns:minmax(8em,max-content) 1fr;gap:2px 16px;font-size:14px}\
    dt{color:var(--faint)}dd{margin:0}
    """

  private static let figures = """
    figure{margin:24px 0;overflow-x:auto}figure svg{display:block;max-width:100%;min-width:min(520px,70ch);height:auto}\
    .figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,max(360px,34%)),1fr));\
    gap:16px 24px;margin:16px 0}\
    .figures figure{margin:0;max-width:640px}.figures svg{width:100%;min-width:0}\
    figcaption,caption{color:var(--faint);font-size:14px;text-align:left;padding:4px 0}\
    .scale{display:flex;gap:10px;align-items:center;font-size:14px}\
    .colours{flex:0 1 240px;height:14px;border-radius:3px;background:\(ColourScale.cssGradient);\
    print-color-adjust:exact}
    """

  private static let tables = """
    .wide{overflow-x:auto;margin:24px 0}table{border-collapse:collapse;font-size:14px;overflow-wrap:break-word}\
    th,td{padding:4px 14px 4px 0;text-align:left;vertical-align:bottom;border-bottom:1px solid var(--grid)}\
    td{max-width:28em}.short{white-space:nowrap}\
    .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
    """

  /// A card is as wide as its pictures, and its words take what there is.
  private static let galleries = """
    .compact{--main:84px;--detail:54px;--gap:6px;--card:294px}\
    .spacious{--main:176px;--detail:104px;--gap:10px;--card:100%}\
    .cards{display:flex;flex-wrap:wrap;gap:16px;margin:16px 0}\
    .card{box-sizing:border-box;max-width:min(100%,var(--card));padding:12px 14px;\
    border:1px solid var(--grid);border-radius:8px}\
    .card h3,.card>p{width:0;min-width:100%;max-width:none;margin:0;font-size:14px}\
    .tiles{display:flex;flex-wrap:wrap;gap:var(--gap);margin-top:10px}\
    .tiles figure{margin:0;width:var(--main);overflow:visible}.details figure{width:var(--detail)}\
    .tiles svg{width:100%;min-width:0}.tiles svg,.tiles img{border-radius:3px}\
    .tiles img{display:block;width:100%;height:auto;max-height:var(--main);object-fit:contain;object-position:left top}\
    .details img{max-height:var(--detail)}\
    .tiles figcaption{font-size:12px;line-height:1.35;padding:3px 0 0}\
    .tiles figcaption b{font-weight:400;color:var(--text)}
    """

  private static let narrow = """
    @media(max-width:560px){body{font-size:15px}main{padding:16px 14px 48px}\
    dl{grid-template-columns:1fr}dd{margin-bottom:6px}\
    .spacious .card{width:100%}.spacious .tiles figure{width:calc(33.3% - 7px)}\
    .spacious .details figure{width:calc(25% - 8px)}}
    """

  private static let paper = """
    @media print{main,main:has(.spacious){max-width:none;padding:0}nav,details,.back{display:none}\
    figure,tr,.card{break-inside:avoid}.heading{break-after:avoid}.wide{overflow:visible;break-inside:avoid}\
    table,dl,.scale,.card h3,.card>p{font-size:11px}body{font-size:12px;print-color-adjust:exact}\
    .figures{grid-template-columns:1fr 1fr}\
    .spacious{--main:140px;--detail:84px}.cards{display:block}.compact .card{display:inline-block;margin:0 8px 8px 0}\
    .spacious .card{margin-bottom:12px}}
    """
}
