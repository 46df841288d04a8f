using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AIaaS.Data.Profiling;
using AIaaS.Formats;

namespace AIaaS.Data.Reports;

/// <summary>
/// <c>quality.html</c>: the quality report and the profile as one page that needs nothing else. It may load nothing and run only its
/// own script, by its content security policy; all that comes from the data is encoded.
/// </summary>
internal sealed class QualityPage
{
    public const string FileName = "quality.html";

    /// <summary>Columns with a card of their own; of wider tables those with something to tell come first.</summary>
    private const int MostCards = 1000;

    /// <summary>Up to this many the cards are open.</summary>
    private const int MostOpenCards = 30;

    /// <summary>Longer ones have a line of their own.</summary>
    private const int ShortFact = 14;

    private const int MostRows = 100;
    private const int MostBars = 10;

    private readonly HtmlWriter _page;
    private readonly QualityReport _quality;
    private readonly DataProfile _profile;
    private readonly Dictionary<string, ColumnDrift> _drift;
    private readonly ILookup<string, QualityFinding> _findings;
    private readonly ILookup<string, ContractViolation> _violations;
    private readonly HashSet<string> _suspects;
    private readonly Dictionary<string, int> _positions;
    private readonly HashSet<int> _cards;

    private QualityPage(TextWriter output, QualityReport quality, DataProfile profile)
    {
        _page = new HtmlWriter(output);
        _quality = quality;
        _profile = profile;
        _drift = quality.Drift.DistinctBy(drift => drift.Column).ToDictionary(drift => drift.Column, StringComparer.Ordinal);
        _findings = quality.Findings.Where(finding => finding.Column is not null).ToLookup(finding => finding.Column!, StringComparer.Ordinal);
        _violations = quality.Violations.Where(violation => violation.Column is not null).ToLookup(violation => violation.Column!, StringComparer.Ordinal);
        _suspects = [.. (profile.Target?.LeakageSuspects ?? []).Where(suspect => suspect.Score >= TargetAnalysis.SuspectScore).Select(suspect => suspect.Column)];
        _positions = profile.Columns.Select((column, i) => (column.Name, i)).DistinctBy(pair => pair.Name).ToDictionary(pair => pair.Name, pair => pair.i, StringComparer.Ordinal);
        _cards = [.. Enumerable.Range(0, profile.Columns.Count).OrderByDescending(i => Notability(profile.Columns[i])).ThenBy(i => i).Take(MostCards)];
    }

    public static void Write(TextWriter output, QualityReport quality, DataProfile profile) => new QualityPage(output, quality, profile).Write();

    private void Write()
    {
        string style = PageAssets.Style.ReplaceLineEndings("\n"), script = PageAssets.Script.ReplaceLineEndings("\n");
        _page.Write($"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{Hash(style)}'; script-src '{Hash(script)}'; base-uri 'none'; form-action 'none'\">\n");
        _page.Write($"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>Data quality</title>\n<style>");
        _page.WriteTrusted(style);
        _page.Write($"</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#columns\">Skip to the columns</a>\n");
        WriteHeader();
        _page.Write($"<main>\n");
        WriteFindings();
        WriteViolations();
        WriteTarget();
        WriteDrift();
        WritePoisoning();
        WriteSteps();
        WriteQuarantine();
        WriteSensitive();
        WriteOverview();
        WriteCards();
        _page.Write($"</main>\n<footer>Missing values are left to the model’s graph unless the pipeline fills them in. The same figures, for programs: <code>quality.json</code> and <code>profile.json</code>.</footer>\n<script>");
        _page.WriteTrusted(script);
        _page.Write($"</script>\n</body>\n</html>\n");
    }

    private void WriteHeader()
    {
        int errors = Count(Severity.Error), warnings = Count(Severity.Warning);
        (string kind, string verdict) = _quality.Rejected is not null ? ("bad", "Refused")
            : errors > 0 ? ("bad", Words.Count(errors, "error", "errors") + " to look at")
            : warnings > 0 ? ("warn", Words.Count(warnings, "warning", "warnings"))
            : ("good", "No problems found");
        double cells = (double)_profile.Rows * _profile.Columns.Count;
        double missing = _profile.Columns.Sum(column => (double)column.Missing);
        _page.Write($"<header>\n<h1>Data quality</h1>\n<p class=\"verdict {kind}\"><span class=\"dot\" aria-hidden=\"true\"></span>{verdict}</p>\n");
        if (_quality.Rejected is { } rejected)
            _page.Write($"<p class=\"refusal\" role=\"alert\">{rejected}</p>\n");
        _page.Write($"<dl class=\"tiles\">");
        Tile("Rows kept", Words.Count(_quality.RowsKept), $"of {Words.Count(_quality.RowsRead)} read");
        Tile("Columns", Words.Count(_profile.Columns.Count), KindsOf());
        Tile("Missing", Words.Percent(cells == 0 ? 0 : missing / cells), "of all values");
        Tile("Quarantined", Words.Count(_quality.RowsQuarantined), Words.Percent(_quality.RowsRead == 0 ? 0 : (double)_quality.RowsQuarantined / _quality.RowsRead) + " of the rows");
        Tile("Duplicates", Words.Count(_profile.DuplicateRows), "whole rows that repeat");
        if (_quality.BaselineVersion is { } baseline)
            Tile("Drifted", Words.Count(_quality.Drift.Count(drift => drift.Drifted)), $"columns, against version {baseline.ToString(CultureInfo.InvariantCulture)}");
        _page.Write($"</dl>\n</header>\n");

        int Count(Severity severity) => _quality.Findings.Count(finding => finding.Severity == severity) + _quality.Violations.Count(violation => violation.Severity == severity);

        string KindsOf() => string.Join(", ", _profile.Columns.GroupBy(column => column.Kind).OrderByDescending(group => group.Count()).Take(2)
            .Select(group => $"{Words.Count(group.Count())} {Words.Kind(group.Key)}"));

        void Tile(string name, string value, string detail) =>
            _page.Write($"<div><dt>{name}</dt><dd>{value}</dd><dd class=\"muted\">{detail}</dd></div>");
    }

    private void WriteFindings()
    {
        if (_quality.Findings.Count == 0)
            return;
        _page.Write($"<section id=\"findings\"><h2>Findings</h2>");
        foreach (IGrouping<Severity, QualityFinding> group in _quality.Findings.GroupBy(finding => finding.Severity).OrderByDescending(group => group.Key))
        {
            string many = group.Key switch { Severity.Error => "Errors", Severity.Warning => "Warnings", _ => "Good to know" };
            _page.Write($"<details class=\"group\" {(group.Key == Severity.Information && group.Count() > 5 ? "" : "open")}><summary><h3>{many}</h3><span class=\"count {ClassOf(group.Key)}\">{Words.Count(group.Count())}</span></summary><ul class=\"findings\">");
            foreach (QualityFinding finding in group.Take(MostRows))
            {
                _page.Write($"<li class=\"{ClassOf(finding.Severity)}\">");
                if (finding.Column is { } column)
                {
                    WriteColumnLink(column);
                    _page.Write($" ");
                }
                _page.Write($"{finding.Detail}</li>");
            }
            WriteRest(group.Count(), "li");
            _page.Write($"</ul></details>");
        }
        _page.Write($"</section>\n");
    }

    private void WriteViolations()
    {
        if (_quality.Violations.Count == 0)
            return;
        OpenTable("contract", "Contract", "Where the data breaks what its contract promises.", "Column", "Breach", "Severity", "#Rows", "What was found");
        foreach (ContractViolation violation in _quality.Violations.Take(MostRows))
        {
            _page.Write($"<tr><th scope=\"row\">");
            if (violation.Column is { } column)
                WriteColumnLink(column);
            else
                _page.Write($"whole row");
            _page.Write($"</th><td>{Words.Of(violation.Breach)}</td><td><span class=\"badge {ClassOf(violation.Severity)}\">{Words.Of(violation.Severity)}</span></td><td class=\"n\">{(violation.Rows == 0 ? "–" : Words.Count(violation.Rows))}</td><td>{violation.Detail}</td></tr>");
        }
        CloseTable(_quality.Violations.Count);
    }

    private void WriteTarget()
    {
        if (_profile.Target is not { } target)
            return;
        _page.Write($"<section id=\"target\"><h2>Target</h2><p class=\"lead\">");
        WriteColumnLink(target.Name);
        _page.Write($" is predicted, as a {Words.Of(target.Task)}.</p>");
        if (target.Classes is { Count: > 0 } classes)
        {
            long all = classes.Sum(value => value.Count);
            _page.Write($"<h3>Balance of the classes</h3>");
            WriteValues(classes, all, classes.Count);
        }
        if (target.LeakageSuspects.Count > 0)
        {
            _page.Write($"<h3>Columns that may tell too much</h3><div class=\"scroll\" role=\"region\" aria-label=\"Leakage suspects\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Column</th><th scope=\"col\">Tells of the target, alone</th><th scope=\"col\">Why it matters</th></tr></thead><tbody>");
            foreach (LeakageSuspect suspect in target.LeakageSuspects.Take(MostRows))
            {
                _page.Write($"<tr><th scope=\"row\">");
                WriteColumnLink(suspect.Column);
                _page.Write($"</th><td class=\"barred\">");
                Charts.Bar(_page, suspect.Score, suspect.Score >= TargetAnalysis.SuspectScore ? "warn" : "", $"{Words.Percent(suspect.Score)} of the target");
                _page.Write($"<span>{Words.Percent(suspect.Score)}</span></td><td>{suspect.Detail}</td></tr>");
            }
            WriteRest(target.LeakageSuspects.Count, "tr");
            _page.Write($"</tbody></table></div>");
        }
        _page.Write($"</section>\n");
    }

    private void WriteDrift()
    {
        if (_quality.Drift.Count == 0)
            return;
        OpenTable("drift", "Drift", $"How far each column is from version {_quality.BaselineVersion?.ToString(CultureInfo.InvariantCulture)}: the population stability index (PSI) over its bins or values, and the Kolmogorov-Smirnov distance (KS) of numbers and times. The farthest first.", "Column", "#PSI", "", "#KS", "");
        foreach (ColumnDrift drift in _quality.Drift.Take(MostRows))
        {
            _page.Write($"<tr><th scope=\"row\">");
            WriteColumnLink(drift.Column);
            _page.Write($"</th><td class=\"n\">{drift.Psi:0.000}</td><td class=\"barred\">");
            Charts.Bar(_page, drift.Psi, drift.Drifted ? "bad" : "", $"Population stability index {Words.Number(drift.Psi)}");
            _page.Write($"</td><td class=\"n\">{drift.Ks?.ToString("0.000", CultureInfo.InvariantCulture) ?? "–"}</td><td>");
            if (drift.Drifted)
                _page.Write($"<span class=\"badge bad\">drifted</span>");
            _page.Write($"</td></tr>");
        }
        CloseTable(_quality.Drift.Count);
    }

    private void WritePoisoning()
    {
        if (_quality.Poisoning is not { } poisoning)
            return;
        _page.Write($"<section id=\"poisoning\"><h2>Suspicious rows</h2><p class=\"lead\"><span class=\"badge {(poisoning.Suspicious ? "bad" : "good")}\">{(poisoning.Suspicious ? "suspicious" : "unsuspicious")}</span> Of {Words.Count(poisoning.Rows, "row", "rows")} looked at, {Words.Percent(poisoning.AnomalousShare)} more than before are unlike the rows of the version before");
        if (poisoning.FlippedLabelShare is { } flipped)
            _page.Write($", and {Words.Percent(flipped)} more have a label unlike that of their neighbours");
        _page.Write($".</p>");
        if (poisoning.Examples.Count > 0)
        {
            _page.Write($"<div class=\"scroll\" role=\"region\" aria-label=\"Suspicious rows\" tabindex=\"0\"><table><thead><tr><th scope=\"col\" class=\"n\">Row</th><th scope=\"col\" class=\"n\">Score</th><th scope=\"col\">Reason</th></tr></thead><tbody>");
            foreach (SuspiciousRow row in poisoning.Examples.Take(MostRows))
                _page.Write($"<tr><th scope=\"row\" class=\"n\">{Words.Count(row.Row)}</th><td class=\"n\">{row.Score:0.000}</td><td>{row.Reason}</td></tr>");
            _page.Write($"</tbody></table></div>");
        }
        _page.Write($"</section>\n");
    }

    private void WriteSteps()
    {
        if (_quality.Steps.Count == 0)
            return;
        OpenTable("steps", "What was done", "In this order.", "Step", "#Rows before", "#Rows after", "#Change", "Detail");
        foreach (CleaningStep step in _quality.Steps)
        {
            long change = step.RowsAfter - step.RowsBefore;
            _page.Write($"<tr><th scope=\"row\">{step.Name}</th><td class=\"n\">{Words.Count(step.RowsBefore)}</td><td class=\"n\">{Words.Count(step.RowsAfter)}</td><td class=\"n\">{(change == 0 ? "–" : change < 0 ? "−" + Words.Count(-change) : "+" + Words.Count(change))}</td><td>{step.Detail}</td></tr>");
        }
        CloseTable(0);
    }

    private void WriteQuarantine()
    {
        if (_quality.RowsQuarantined == 0)
            return;
        _page.Write($"<section id=\"quarantine\"><h2>Quarantine</h2><p class=\"lead\">{Words.Count(_quality.RowsQuarantined, "row was", "rows were")} put aside, whole and with the place and the reason, in <code>quarantine.jsonl</code>.</p>");
        WriteValues(_quality.QuarantineReasons, _quality.RowsQuarantined, _quality.QuarantineReasons.Count);
        _page.Write($"</section>\n");
    }

    private void WriteSensitive()
    {
        if (_quality.Sensitive.Count == 0)
            return;
        OpenTable("sensitive", "Personal data", "What looks like personal data, and what was done about it.", "Column", "Kind", "#Rows", "Done");
        foreach (SensitiveColumn sensitive in _quality.Sensitive.Take(MostRows))
        {
            _page.Write($"<tr><th scope=\"row\">");
            WriteColumnLink(sensitive.Column);
            _page.Write($"</th><td>{Words.Of(sensitive.Kind)}</td><td class=\"n\">{Words.Count(sensitive.Rows)}</td><td>");
            if (sensitive.Action is { } action)
                _page.Write($"<span class=\"badge good\">{action switch { MaskAction.Redact => "redacted", MaskAction.Hash => "hashed", _ => "column dropped" }}</span>");
            else
                _page.Write($"<span class=\"badge warn\">left as it is</span>");
            _page.Write($"</td></tr>");
        }
        CloseTable(_quality.Sensitive.Count);
    }

    private void WriteOverview()
    {
        bool hasTarget = _profile.Target is not null, hasDrift = _drift.Count > 0, hasPictures = _profile.Columns.Count <= MostCards;
        _page.Write($"<section id=\"columns\"><h2>Columns</h2><p class=\"tools\" hidden><label>Find a column <input type=\"search\" id=\"find\" autocomplete=\"off\"></label> <span id=\"found\" class=\"muted\" role=\"status\"></span></p><div class=\"scroll\" role=\"region\" aria-label=\"All columns\" tabindex=\"0\"><table id=\"overview\"><thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Kind</th><th scope=\"col\">Missing</th><th scope=\"col\" class=\"n\">Distinct</th>");
        if (hasPictures)
            _page.Write($"<th scope=\"col\" data-fixed>Distribution</th>");
        if (hasTarget)
            _page.Write($"<th scope=\"col\" class=\"n\">With the target</th>");
        if (hasDrift)
            _page.Write($"<th scope=\"col\" class=\"n\">PSI</th>");
        _page.Write($"</tr></thead><tbody>");
        foreach (ColumnProfile column in _profile.Columns)
        {
            double missing = Share(column.Missing, column.Count);
            _page.Write($"<tr><th scope=\"row\">");
            WriteColumnLink(column.Name);
            WriteBadges(column);
            _page.Write($"</th><td>{Words.Kind(column.Kind)}</td><td class=\"barred\" data-v=\"{missing:R}\">");
            Charts.Bar(_page, missing, missing > 0.5 ? "bad" : "warn", $"{Words.Percent(missing)} missing");
            _page.Write($"<span>{Words.Percent(missing)}</span></td><td class=\"n\" data-v=\"{column.Distinct}\">{Approximately(column)}{Words.Count(column.Distinct)}</td>");
            if (hasPictures)
            {
                _page.Write($"<td>");
                if (PictureOf(column) is { Count: > 0 } counts)
                    Charts.Spark(_page, counts, $"Distribution of {column.Name}");
                _page.Write($"</td>");
            }
            if (hasTarget)
                _page.Write($"<td class=\"n\" data-v=\"{Math.Abs(column.Association?.Value ?? -1):R}\">{(column.Association is { } association ? association.Value.ToString("0.00", CultureInfo.InvariantCulture) : "–")}</td>");
            if (hasDrift)
                _page.Write($"<td class=\"n\" data-v=\"{(_drift.TryGetValue(column.Name, out ColumnDrift? drift) ? drift.Psi : -1):R}\">{(drift is null ? "–" : drift.Psi.ToString("0.000", CultureInfo.InvariantCulture))}</td>");
            _page.Write($"</tr>");
        }
        _page.Write($"</tbody></table></div></section>\n");
    }

    private void WriteCards()
    {
        _page.Write($"<section id=\"details\"><h2>Column by column</h2>");
        if (_cards.Count < _profile.Columns.Count)
            _page.Write($"<p class=\"muted\">{Words.Count(_cards.Count)} of {Words.Count(_profile.Columns.Count)} columns, those with something to tell before others. All of them are in <code>profile.json</code>.</p>");
        _page.Write($"<div class=\"cards\">");
        for (int i = 0; i < _profile.Columns.Count; i++)
        {
            if (_cards.Contains(i))
                WriteCard(_profile.Columns[i], i);
        }
        _page.Write($"</div></section>\n");
    }

    private void WriteCard(ColumnProfile column, int index)
    {
        double missing = Share(column.Missing, column.Count);
        _page.Write($"<details class=\"card\" id=\"c{index}\"{(_cards.Count <= MostOpenCards ? " open" : "")}><summary><h3><bdi>{NameOf(column.Name)}</bdi></h3><span class=\"badge\">{Words.Kind(column.Kind)}</span>");
        WriteBadges(column);
        _page.Write($"</summary>");
        Charts.Bar(_page, missing, missing > 0.5 ? "bad" : "warn", $"{Words.Percent(missing)} missing");
        if (column.Histogram is not null)
            Charts.Histogram(_page, column);
        else if (column.TopValues is { Count: > 0 } values && column.Kind is not (ColumnKind.Identifier or ColumnKind.Text or ColumnKind.Json))
            WriteValues(values, column.Count - column.Missing, column.Distinct);
        _page.Write($"<dl class=\"facts\">");
        Fact("Present", $"{Words.Count(column.Count - column.Missing)}");
        Fact("Missing", $"{Words.Count(column.Missing)} ({Words.Percent(missing)})");
        Fact("Distinct", $"{Approximately(column)}{Words.Count(column.Distinct)}");
        if (column.Mean is { } mean)
            Fact("Mean", Words.Number(mean));
        if (column.StandardDeviation is { } deviation)
            Fact("Deviation", Words.Number(deviation));
        if (column.Quantiles?.FirstOrDefault(quantile => quantile.Probability == 0.5) is { } median)
            Fact("Median", Words.Axis(column, median.Value));
        if (column.Min is { } min)
            Fact("Least", Words.Value(min));
        if (column.Max is { } max)
            Fact("Greatest", Words.Value(max));
        if (column.Lengths is { } lengths)
            Fact("Characters", lengths.Minimum == lengths.Maximum ? Words.Count(lengths.Minimum) : $"{Words.Count(lengths.Minimum)} to {Words.Count(lengths.Maximum)}, {Words.Number(Math.Round(lengths.Mean, 1))} on average");
        if (column.Association is { } association)
            Fact("With the target", $"{association.Value.ToString("0.00", CultureInfo.InvariantCulture)} ({Words.Measure(association.Measure)})");
        if (_drift.TryGetValue(column.Name, out ColumnDrift? drift))
            Fact("Drift", $"PSI {drift.Psi.ToString("0.000", CultureInfo.InvariantCulture)}{(drift.Ks is { } ks ? ", KS " + ks.ToString("0.000", CultureInfo.InvariantCulture) : "")}");
        _page.Write($"</dl>");
        if (_findings.Contains(column.Name) || _violations.Contains(column.Name))
        {
            _page.Write($"<ul class=\"findings\">");
            foreach (ContractViolation violation in _violations[column.Name].Take(MostBars))
                _page.Write($"<li class=\"{ClassOf(violation.Severity)}\">{violation.Detail}</li>");
            foreach (QualityFinding finding in _findings[column.Name].Take(MostBars))
                _page.Write($"<li class=\"{ClassOf(finding.Severity)}\">{finding.Detail}</li>");
            _page.Write($"</ul>");
        }
        _page.Write($"</details>\n");

        void Fact(string name, string value) =>
            _page.Write($"<div class=\"{(value.Length > ShortFact || name.Length > ShortFact ? "wide" : "")}\"><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>");
    }

    private void WriteBadges(ColumnProfile column)
    {
        if (column.Name == _profile.Target?.Name)
            _page.Write($" <span class=\"badge accent\">target</span>");
        if (_suspects.Contains(column.Name))
            _page.Write($" <span class=\"badge warn\">tells too much?</span>");
        if (_violations[column.Name].Any(violation => violation.Severity == Severity.Error))
            _page.Write($" <span class=\"badge bad\">breaks the contract</span>");
        if (_drift.TryGetValue(column.Name, out ColumnDrift? drift) && drift.Drifted)
            _page.Write($" <span class=\"badge bad\">drifted</span>");
    }

    private void WriteValues(IReadOnlyList<ValueCount> values, long all, long distinct)
    {
        _page.Write($"<ol class=\"values\">");
        foreach (ValueCount value in values.Take(MostBars))
        {
            double share = Share(value.Count, all);
            _page.Write($"<li><span class=\"value\"><bdi>{NameOf(value.Value)}</bdi></span>");
            Charts.Bar(_page, share, "", $"{Words.Percent(share)} of the rows");
            _page.Write($"<span class=\"n\">{Words.Count(value.Count)}</span><span class=\"n muted\">{Words.Percent(share)}</span></li>");
        }
        if (distinct > MostBars)
            _page.Write($"<li class=\"muted\">and {Words.Count(distinct - MostBars)} more</li>");
        _page.Write($"</ol>");
    }

    private void WriteColumnLink(string name)
    {
        if (_positions.TryGetValue(name, out int at) && _cards.Contains(at))
            _page.Write($"<a href=\"#c{at}\"><bdi>{NameOf(name)}</bdi></a>");
        else
            _page.Write($"<bdi>{NameOf(name)}</bdi>");
    }

    /// <summary>Begins a section that is one table; a <c>#</c> before a column's heading sets it flush right.</summary>
    private void OpenTable(string id, string title, string lead, params string[] headings)
    {
        _page.Write($"<section id=\"{id}\"><h2>{title}</h2><p class=\"lead\">{lead}</p><div class=\"scroll\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\"><table><thead><tr>");
        foreach (string heading in headings)
        {
            if (heading.StartsWith('#'))
                _page.Write($"<th scope=\"col\" class=\"n\">{heading[1..]}</th>");
            else if (heading.Length == 0)
                _page.Write($"<td></td>");
            else
                _page.Write($"<th scope=\"col\">{heading}</th>");
        }
        _page.Write($"</tr></thead><tbody>");
    }

    private void CloseTable(int rows)
    {
        WriteRest(rows, "tr");
        _page.Write($"</tbody></table></div></section>\n");
    }

    private void WriteRest(int count, string element)
    {
        if (count <= MostRows)
            return;
        string words = $"and {Words.Count(count - MostRows)} more, in quality.json";
        if (element == "tr")
            _page.Write($"<tr><td class=\"muted\">{words}</td></tr>");
        else
            _page.Write($"<li class=\"muted\">{words}</li>");
    }

    private int Notability(ColumnProfile column)
    {
        int score = column.Name == _profile.Target?.Name ? 100 : 0;
        score += 10 * _violations[column.Name].Count();
        score += _findings[column.Name].Count(finding => finding.Severity > Severity.Information);
        return score + (_drift.TryGetValue(column.Name, out ColumnDrift? drift) && drift.Drifted ? 10 : 0);
    }

    private static IReadOnlyList<long>? PictureOf(ColumnProfile column) =>
        column.Histogram?.Counts
        ?? (column.Kind is ColumnKind.Category or ColumnKind.Boolean or ColumnKind.Integer ? column.TopValues?.Take(20).Select(value => value.Count).ToArray() : null);

    private static string NameOf(string text) => string.IsNullOrWhiteSpace(text) ? "(blank)" : text;

    private static string Approximately(ColumnProfile column) => column.DistinctIsApproximate ? "≈ " : "";

    private static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;

    private static string ClassOf(Severity severity) => severity switch { Severity.Error => "bad", Severity.Warning => "warn", _ => "info" };

    private static string Hash(string text) => "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
