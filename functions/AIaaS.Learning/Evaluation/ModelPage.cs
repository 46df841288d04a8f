using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AIaaS.Data.Reports;
using AIaaS.Formats;

namespace AIaaS.Learning.Evaluation;

/// <summary>
/// <c>report.html</c>: how a model was made and how well it predicts, as one page that needs nothing else. It may load nothing and runs no script, by
/// its content security policy; all that comes from the data is encoded.
/// </summary>
internal sealed class ModelPage
{
    private const int MostTrials = 50;
    private const int MostFeatures = 30;
    private const int MostClasses = 30;
    private const int Side = 240;

    /// <summary>What the page shows beyond the looks that it shares with the quality report.</summary>
    private const string Style = """

        .plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 18px; }
        .plot { margin: 0; }
        .plot svg { display: block; width: 100%; max-width: 320px; height: auto; }
        .plot .frame { fill: none; stroke: var(--line); }
        .plot .even { stroke: var(--muted); stroke-dasharray: 4 4; }
        .plot .curve { fill: none; stroke: var(--fill); stroke-width: 2; }
        .plot .curve.k1 { stroke: var(--warn-fill); } .plot .curve.k2 { stroke: var(--bad-fill); } .plot .curve.k3 { stroke: var(--good); } .plot .curve.k4 { stroke: var(--muted); }
        .plot .dot { fill: var(--fill); opacity: .55; }
        .plot text { fill: var(--muted); font-size: 11px; }
        .legend { list-style: none; margin: 6px 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 13px; color: var(--muted); }
        .legend .key { display: inline-block; width: 10px; height: 10px; margin-right: 5px; }
        .legend .key rect { fill: var(--fill); } .legend .k1 rect { fill: var(--warn-fill); } .legend .k2 rect { fill: var(--bad-fill); } .legend .k3 rect { fill: var(--good); } .legend .k4 rect { fill: var(--muted); }
        .confusion td { text-align: right; font-variant-numeric: tabular-nums; padding: 6px 10px; }
        .confusion .s0 { background: none; } .confusion .s1 { background: color-mix(in srgb, var(--fill) 15%, transparent); } .confusion .s2 { background: color-mix(in srgb, var(--fill) 35%, transparent); } .confusion .s3 { background: color-mix(in srgb, var(--fill) 55%, transparent); } .confusion .s4 { background: color-mix(in srgb, var(--fill) 80%, transparent); }
        #importance .values li { grid-template-columns: minmax(80px, 30%) 1fr minmax(72px, auto) minmax(84px, auto); }
        td code { overflow-wrap: anywhere; white-space: normal; }

        """;

    private readonly HtmlWriter _page;
    private readonly ModelCard _card;
    private readonly ModelMetrics _metrics;
    private readonly ModelSignature _signature;
    private readonly Leaderboard _board;

    private ModelPage(TextWriter output, ModelCard card, ModelMetrics metrics, ModelSignature signature, Leaderboard board) =>
        (_page, _card, _metrics, _signature, _board) = (new HtmlWriter(output), card, metrics, signature, board);

    public static void Write(TextWriter output, ModelCard card, ModelMetrics metrics, ModelSignature signature, Leaderboard board) =>
        new ModelPage(output, card, metrics, signature, board).Write();

    private void Write()
    {
        var style = (PageAssets.Style + Style).ReplaceLineEndings("\n");
        _page.Write($"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{Hash(style)}'; base-uri 'none'; form-action 'none'\">\n");
        _page.Write($"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>{_card.Name}</title>\n<style>");
        _page.WriteTrusted(style);
        _page.Write($"</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#metrics\">Skip to the metrics</a>\n");
        WriteHeader();
        _page.Write($"<main>\n");
        WriteMetrics();
        WriteConfusion();
        WritePlots();
        WriteImportance();
        WriteSlices();
        WriteTrials();
        WriteMaking();
        _page.Write($"</main>\n<footer>All figures are of the {Words.Count(_metrics.HoldoutRows)} holdout rows, which neither a trial nor the model ever saw, unless a section says otherwise. The same figures, for programs: <code>metrics.json</code> and <code>leaderboard.json</code>.</footer>\n</body>\n</html>\n");
    }

    private void WriteHeader()
    {
        _page.Write($"<header>\n<h1>{_card.Name}</h1>\n<p class=\"lead\">Predicts <strong>{_card.Target}</strong> by {_card.Trainer.Replace('-', ' ')}");
        if (_card.Dataset is { } dataset)
            _page.Write($", learned from {dataset} version {_card.DatasetVersion ?? 1}");
        _page.Write($", {_card.Trained.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC</p>\n<dl class=\"tiles\">");
        foreach (var (name, value) in _metrics.Holdout.OrderBy(metric => metric.Key == _board.Objective ? 0 : 1).Take(4))
        {
            var interval = _metrics.Intervals.TryGetValue(name, out var known) ? $"95%: {Optional(known.Low)} to {Optional(known.High)}" : "";
            Tile(name, Optional(value), interval);
        }

        Tile("trials", Words.Count(_board.Trials.Count), _board.Members.Count > 1 ? $"{_board.Members.Count} of them joined" : "the best of them is the model");
        Tile("rows", Words.Count(_metrics.TrainingRows + _metrics.HoldoutRows), $"{Words.Count(_metrics.HoldoutRows)} of them held out");
        _page.Write($"</dl>\n</header>\n");

        void Tile(string name, string value, string detail) =>
            _page.Write($"<div><dt>{name}</dt><dd>{value}</dd><dd class=\"muted\">{detail}</dd></div>");
    }

    private void WriteMetrics()
    {
        _page.Write($"<section id=\"metrics\"><h2>Metrics</h2><div class=\"scroll\"><table><thead><tr><th>metric</th><th class=\"n\">value</th><th class=\"n\">95% from</th><th class=\"n\">to</th><th>better is</th></tr></thead><tbody>");
        foreach (var (name, value) in _metrics.Holdout)
        {
            var interval = _metrics.Intervals.GetValueOrDefault(name);
            var better = Metrics.Find(name) is { } metric ? metric.HigherIsBetter ? "higher" : "lower" : "";
            _page.Write($"<tr><th scope=\"row\">{name}</th><td class=\"n\">{Optional(value)}</td><td class=\"n\">{Optional(interval?.Low)}</td><td class=\"n\">{Optional(interval?.High)}</td><td class=\"muted\">{better}</td></tr>");
        }

        _page.Write($"</tbody></table></div></section>\n");
    }

    private void WriteConfusion()
    {
        if (_metrics.ConfusionMatrix is not { } matrix || _signature.Target?.Classes is not { } classes || classes.Count > MostClasses)
            return;
        _page.Write($"<section id=\"confusion\"><h2>Right and wrong</h2><p class=\"muted\">Rows are true classes, columns decided ones.</p><div class=\"scroll\"><table class=\"confusion\"><thead><tr><td></td>");
        foreach (var name in classes)
            _page.Write($"<th class=\"n\" scope=\"col\">{name.ToString()}</th>");
        _page.Write($"</tr></thead><tbody>");
        foreach (var (row, counts) in matrix.Index())
        {
            _page.Write($"<tr><th scope=\"row\">{classes[row].ToString()}</th>");
            var all = Math.Max(1, counts.Sum());
            foreach (var count in counts)
            {
                var shade = count == 0 ? 0 : Math.Clamp(1 + (int)(3.999 * count / all), 1, 4);
                _page.Write($"<td class=\"s{shade}\">{Words.Count(count)}</td>");
            }

            _page.Write($"</tr>");
        }

        _page.Write($"</tbody></table></div></section>\n");
    }

    private void WritePlots()
    {
        if (_metrics is { Curves: not { Count: > 0 }, Calibration: not { Count: > 0 }, Residuals: null })
            return;
        _page.Write($"<section id=\"plots\"><h2>Plots</h2><div class=\"plots\">");
        if (_metrics.Curves is { Count: > 0 } curves)
        {
            Curves("ROC curve", "false positive rate", "true positive rate", curves, point => (point.FalsePositiveRate, point.TruePositiveRate), even: true, (0, 0));
            Curves("Precision and recall", "recall", "precision", curves, point => (point.TruePositiveRate, point.Precision), even: false, null);
        }

        if (_metrics.Calibration is { Count: > 0 } calibration)
        {
            Open("Calibration", "held likely", "came about");
            _page.Write($"<line class=\"even\" x1=\"0\" y1=\"{Side}\" x2=\"{Side}\" y2=\"0\"/><path class=\"curve\" d=\"{Path(calibration.Select(bin => (bin.Predicted, bin.Observed)))}\"/>");
            foreach (var bin in calibration)
                _page.Write($"<circle class=\"dot\" cx=\"{bin.Predicted * Side:0.#}\" cy=\"{Side - (bin.Observed * Side):0.#}\" r=\"4\"><title>{Words.Count(bin.Rows)} rows: held {Words.Percent(bin.Predicted)} likely, came about in {Words.Percent(bin.Observed)}</title></circle>");
            Close("held likely", "came about");
        }

        if (_metrics.Residuals is { } residuals)
        {
            Scatter(residuals);
            Histogram(residuals);
        }

        _page.Write($"</div></section>\n");
    }

    private void Curves(
        string title, string across, string up, IReadOnlyList<ThresholdCurve> curves, Func<ThresholdPoint, (double X, double Y)> point, bool even, (double, double)? begin)
    {
        Open(title, across, up);
        if (even)
            _page.Write($"<line class=\"even\" x1=\"0\" y1=\"{Side}\" x2=\"{Side}\" y2=\"0\"/>");
        foreach (var (number, curve) in curves.Index())
            _page.Write($"<path class=\"curve k{number % 5}\" d=\"{Path((begin is { } first ? new[] { first } : []).Concat(curve.Points.Select(point)))}\"/>");
        EndSvg(across, up);
        _page.Write($"<ul class=\"legend\">");
        foreach (var (number, curve) in curves.Index())
            _page.Write($"<li><svg class=\"key k{number % 5}\" viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect width=\"10\" height=\"10\" rx=\"2\"/></svg>{curve.Class.ToString()}</li>");
        _page.Write($"</ul></figure>");
    }

    private void Scatter(ResidualSummary residuals)
    {
        var all = residuals.Sample.SelectMany(pair => pair).Where(double.IsFinite).ToArray();
        if (all.Length == 0)
            return;
        var (low, high) = (all.Min(), all.Max());
        var scale = high > low ? Side / (high - low) : 1;
        Open("Predicted against true", "true", "predicted");
        _page.Write($"<line class=\"even\" x1=\"0\" y1=\"{Side}\" x2=\"{Side}\" y2=\"0\"/>");
        foreach (var pair in residuals.Sample)
            _page.Write($"<circle class=\"dot\" cx=\"{(pair[0] - low) * scale:0.#}\" cy=\"{Side - ((pair[1] - low) * scale):0.#}\" r=\"2.5\"/>");
        Close($"true, from {Words.Number(low)} to {Words.Number(high)}", "predicted");
    }

    private void Histogram(ResidualSummary residuals)
    {
        Open("Errors", "predicted less true", "rows");
        var most = Math.Max(1, residuals.Counts.Max());
        var width = (double)Side / residuals.Counts.Count;
        foreach (var (bin, count) in residuals.Counts.Index())
        {
            var height = count == 0 ? 0 : Math.Max(1.5, (double)Side * count / most);
            _page.Write($"<rect class=\"column\" x=\"{(bin * width) + 0.5:0.##}\" y=\"{Side - height:0.##}\" width=\"{width - 1:0.##}\" height=\"{height:0.##}\"><title>{Words.Number(residuals.Edges[bin])} to {Words.Number(residuals.Edges[bin + 1])}: {Words.Count(count)} rows</title></rect>");
        }

        Close($"predicted less true, from {Words.Number(residuals.Edges[0])} to {Words.Number(residuals.Edges[^1])}", "rows");
    }

    private void Open(string title, string across, string up) =>
        _page.Write($"<figure class=\"plot\"><h3>{title}</h3><svg viewBox=\"-18 -4 {Side + 24} {Side + 26}\" role=\"img\" aria-label=\"{title}: {up} by {across}\"><rect class=\"frame\" width=\"{Side}\" height=\"{Side}\"/>");

    private void Close(string across, string up)
    {
        EndSvg(across, up);
        _page.Write($"</figure>");
    }

    private void EndSvg(string across, string up) =>
        _page.Write($"<text x=\"{Side / 2}\" y=\"{Side + 16}\" text-anchor=\"middle\">{across}</text><text x=\"-6\" y=\"{Side / 2}\" text-anchor=\"middle\" transform=\"rotate(-90 -6 {Side / 2})\">{up}</text></svg>");

    private static string Path(IEnumerable<(double X, double Y)> points)
    {
        var path = new StringBuilder();
        foreach (var (x, y) in points)
            path.Append(CultureInfo.InvariantCulture, $"{(path.Length == 0 ? 'M' : 'L')}{x * Side:0.#} {Side - (y * Side):0.#}");
        return path.ToString();
    }

    private void WriteImportance()
    {
        if (_metrics.Importance.Count == 0)
            return;
        var most = Math.Max(1e-12, _metrics.Importance[0].Loss);
        _page.Write($"<section id=\"importance\"><h2>What it goes by</h2><p class=\"muted\">How much worse {_board.Objective} becomes where a feature’s values are shuffled among the rows; features that say the same stand in for each other.</p><ul class=\"values\">");
        foreach (var feature in _metrics.Importance.Take(MostFeatures))
        {
            _page.Write($"<li><span class=\"value\" title=\"{feature.Feature}\">{feature.Feature}</span>");
            Charts.Bar(_page, feature.Loss / most, "", $"{feature.Feature}: {Words.Number(feature.Loss)}");
            _page.Write($"<span class=\"n\">{Words.Number(feature.Loss)}</span><span class=\"n muted\">± {Words.Number(feature.Deviation)}</span></li>");
        }

        if (_metrics.Importance.Count > MostFeatures)
            _page.Write($"<li class=\"muted\">and {Words.Count(_metrics.Importance.Count - MostFeatures)} more</li>");
        _page.Write($"</ul></section>\n");
    }

    private void WriteSlices()
    {
        if (_metrics.Slices.Count == 0)
            return;
        string[] shown = [.. _metrics.Holdout.Keys.OrderBy(name => name == _board.Objective ? 0 : 1).Take(4)];
        _page.Write($"<section id=\"slices\"><h2>By parts of the rows</h2>");
        foreach (var column in _metrics.Slices.GroupBy(slice => slice.Column))
        {
            _page.Write($"<h3>{column.Key}</h3><div class=\"scroll\"><table><thead><tr><th>value</th><th class=\"n\">rows</th>");
            foreach (var name in shown)
                _page.Write($"<th class=\"n\">{name}</th>");
            _page.Write($"</tr></thead><tbody>");
            foreach (var slice in column)
            {
                _page.Write($"<tr><th scope=\"row\">{slice.Value}</th><td class=\"n\">{Words.Count(slice.Rows)}</td>");
                foreach (var name in shown)
                    _page.Write($"<td class=\"n\">{Optional(slice.Metrics.TryGetValue(name, out var value) ? value : null)}</td>");
                _page.Write($"</tr>");
            }

            _page.Write($"</tbody></table></div>");
        }

        _page.Write($"</section>\n");
    }

    private void WriteTrials()
    {
        _page.Write($"<section id=\"trials\"><h2>Trials</h2><p class=\"muted\">By {_board.Objective} on validation rows of the training part.</p><div class=\"scroll\"><table><thead><tr><th class=\"n\">trial</th><th>trainer</th><th class=\"n\">{_board.Objective}</th><th class=\"n\">seconds</th><th class=\"n\">share</th><th>hyperparameters</th></tr></thead><tbody>");
        foreach (var trial in _board.Trials.Take(MostTrials))
        {
            var share = _board.Members.FirstOrDefault(member => member.Trial == trial.Spec.Trial)?.Weight;
            _page.Write($"<tr><td class=\"n\">{trial.Spec.Trial}</td><th scope=\"row\">{trial.Spec.Trainer}</th><td class=\"n\">{(trial.Status is TrialStatus.Succeeded ? Optional(trial.Objective) : Words.Of(trial.Status))}</td><td class=\"n\">{trial.Seconds:0.##}</td><td class=\"n\">{(share is { } part ? Words.Percent(part) : "")}</td><td><code>{(trial.Error is { } error ? error.Title : Describe(trial.Spec.Hyperparameters))}</code></td></tr>");
        }

        _page.Write($"</tbody></table></div></section>\n");
    }

    private void WriteMaking()
    {
        _page.Write($"<section id=\"making\"><h2>How it was made</h2><p>Seed <code>{_card.Seed}</code>");
        if (_card.Run is { } run)
            _page.Write($", run <code>{run}</code>");
        _page.Write($". <code>{Describe(_card.Hyperparameters)}</code></p>");
        if (_card.Notes.Count > 0)
        {
            _page.Write($"<ul class=\"findings\">");
            foreach (var note in _card.Notes)
                _page.Write($"<li class=\"info\">{note}</li>");
            _page.Write($"</ul>");
        }

        _page.Write($"</section>\n");
    }

    private static string Describe(IReadOnlyDictionary<string, JsonElement> values) =>
        string.Join(", ", values.Select(value => $"{value.Key}: {(value.Value.ValueKind == JsonValueKind.Number && value.Value.TryGetDouble(out var number) ? Words.Number(number) : value.Value.ToString())}"));

    private static string Optional(double? value) => value is { } known && double.IsFinite(known) ? Words.Number(known) : "–";

    private static string Hash(string content) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(content)))}";
}
