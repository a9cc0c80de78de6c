/// The layout of pages; colours are variables of ``FigureStyle``.
enum PageStyle {
  static let css = """
    body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}\
    main{max-width:960px;margin:0 auto;padding:24px 20px 64px}p{max-width:70ch}\
    h1{font-size:28px;line-height:1.2;overflow-wrap:anywhere}h2{font-size:20px;margin:48px 0 12px}\
    nav{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:14px}a{color:var(--series-0)}\
    figure{margin:24px 0;overflow-x:auto}figure svg{display:block;max-width:100%;min-width:min(520px,70ch);height:auto}\
    .figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,360px),1fr));gap:16px 24px;margin:16px 0}\
    .figures figure{margin:0;max-width:640px}.figures svg{width:100%;min-width:0}\
    figcaption,caption{color:var(--faint);font-size:14px;text-align:left;padding:4px 0}\
    .wide{overflow-x:auto;margin:24px 0}table{border-collapse:collapse;font-size:14px}\
    th,td{padding:4px 14px 4px 0;text-align:left;vertical-align:bottom;border-bottom:1px solid var(--grid)}\
    td{max-width:28em;overflow-wrap:break-word}.short{white-space:nowrap}.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
    pre{overflow-x:auto;padding:12px;border:1px solid var(--grid);border-radius:6px;font-size:13px}\
    summary{cursor:pointer;font-size:14px}details{margin:12px 0}\
    dl{display:grid;grid-template-columns:minmax(8em,max-content) 1fr;gap:2px 16px;font-size:14px}\
    dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}\
    .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,280px),1fr));gap:24px}\
    .card h3{font-size:14px;margin:0 0 6px;overflow-wrap:anywhere}.card p{font-size:13px;color:var(--faint);margin:6px 0 0}\
    .tiles{display:flex;flex-wrap:wrap;gap:6px}.tiles figure{margin:0}\
    .tiles svg,.tiles img{display:block;min-width:0;border-radius:3px;image-rendering:pixelated}\
    .tiles figcaption{font-size:11px;padding:2px 0 0}\
    @media(max-width:560px){body{font-size:15px}main{padding:16px 14px 48px}\
    dl{grid-template-columns:1fr}dd{margin-bottom:6px}}\
    @media print{main{max-width:none;padding:0}nav,details{display:none}\
    figure,tr,.card{break-inside:avoid}h2{break-after:avoid}.wide{overflow:visible}\
    table{font-size:11px}body{font-size:12px;print-color-adjust:exact}\
    .figures{grid-template-columns:1fr 1fr}}
    """
}
