using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AIaaS.Data.Reports;
using AIaaS.Data.Tests.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Reports;

public sealed partial class QualityPageTests : PreparationTest
{
    private const string Hostile = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> & </style></details>";

    [Fact]
    public void Everything_a_report_can_hold_is_on_the_page()
    {
        string text = TextOf(Page(Report(), Profile(Column("size") with { Mean = 12.5, Association = new(AssociationMeasure.Pearson, -0.42) }, Column("label"))));
        string[] expected =
        [
            "Refused", "The data breaks a promise.", "9,000 of 10,000 read", "Errors 1", "Look at this.", "out of range", "3 values are outside 0 to 1",
            "label is predicted, as a classification", "no yes", "75%", "1.234", "0.500", "drifted", "suspicious", "label-flip", "drop-duplicates", "−1,000",
            "too-few-fields", "email", "redacted", "Mean 12.5", "-0.42 (Pearson correlation)",
        ];
        Assert.All(expected.SelectMany(words => words == "no yes" ? ["no", "yes"] : new[] { words }), words => Assert.Contains(words, text, StringComparison.Ordinal));
    }

    [Fact]
    public void Whatever_names_and_values_hold_is_text_and_never_markup()
    {
        QualityReport report = Report() with
        {
            Rejected = Hostile,
            Findings = [new(Severity.Error, Hostile, Hostile), new(Severity.Warning, null, Hostile)],
            Violations = [new(ContractBreach.NotAllowed, Severity.Error, Hostile, 3, Hostile)],
            Drift = [new(Hostile, 1, 0.5, true)],
            Steps = [new(Hostile, 2, 1, Hostile)],
            QuarantineReasons = [new(Hostile, 3)],
            Sensitive = [new(Hostile, SensitiveKind.Email, 4, null)],
            Poisoning = new() { AnomalousShare = 0.1, Rows = 10, Suspicious = true, Examples = [new(1, 0.9, Hostile)] },
        };
        DataProfile profile = Profile(Column(Hostile) with
        {
            Kind = ColumnKind.Category,
            Histogram = null,
            TopValues = [new(Hostile, 5)],
            Min = JsonSerializer.SerializeToElement(Hostile),
            Max = JsonSerializer.SerializeToElement(Hostile),
        }) with
        {
            Target = new() { Name = Hostile, Task = LearningTask.Classification, Classes = [new(Hostile, 5)], LeakageSuspects = [new(Hostile, 1, Hostile)] },
        };

        string page = Page(report, profile);

        Assert.Single(Regex.Matches(page, "<script"));
        Assert.Single(Regex.Matches(page, "</style>"));
        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.DoesNotContain("alert('", page, StringComparison.Ordinal);
        // Every place is still readable.
        Assert.True(Regex.Count(WebUtility.HtmlDecode(page), Regex.Escape(Hostile)) >= 20);
        AssertBalanced(page);
    }

    [Fact]
    public void A_file_of_hostile_names_and_values_goes_through_to_its_page()
    {
        Prepare(Folder.Write("a.csv", $"\"{Hostile.Replace("\"", "\"\"", StringComparison.Ordinal)}\",b\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"\"<b onclick='x{i % 3}'>\",{i}\n"))));
        string page = File.ReadAllText(Path.Combine(Output, QualityPage.FileName));
        Assert.Single(Regex.Matches(page, "<script"));
        Assert.DoesNotContain("<b onclick", page, StringComparison.Ordinal);
        Assert.Contains("<b onclick='x1'>", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        AssertBalanced(page);
    }

    [Fact]
    public void The_page_loads_nothing_and_runs_only_its_own_script()
    {
        string page = Page(Report(), Profile(Column("size")));
        string policy = WebUtility.HtmlDecode(Regex.Match(page, "Content-Security-Policy\" content=\"([^\"]*)\"").Groups[1].Value);
        string style = Regex.Match(page, "<style>(.*?)</style>", RegexOptions.Singleline).Groups[1].Value;
        string script = Regex.Match(page, "<script>(.*?)</script>", RegexOptions.Singleline).Groups[1].Value;
        Assert.Equal($"default-src 'none'; style-src '{Hash(style)}'; script-src '{Hash(script)}'; base-uri 'none'; form-action 'none'", policy);
        Assert.DoesNotMatch(" (src|style|on[a-z]+|action)=", page);
        Assert.DoesNotContain("url(", page, StringComparison.Ordinal);
        Assert.DoesNotContain("@import", page, StringComparison.Ordinal);
        Assert.All(Regex.Matches(page, "href=\"([^\"]*)\"").Select(match => match.Groups[1].Value), link => Assert.StartsWith("#", link, StringComparison.Ordinal));
        Assert.DoesNotContain("://", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Links_lead_to_what_is_on_the_page()
    {
        string page = Page(Report(), Profile(Column("size"), Column("label")));
        var ids = Regex.Matches(page, " id=\"([^\"]*)\"").Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.All(Regex.Matches(page, "href=\"#([^\"]*)\"").Select(match => match.Groups[1].Value), link => Assert.Contains(link, ids));
    }

    [Fact]
    public void Tables_and_pictures_have_headings_and_words_for_those_who_do_not_see_them()
    {
        string page = Page(Report(), Profile(Column("size"), Column("label")));
        Assert.DoesNotMatch("<th(?![^>]* scope=)[^>]*>", page.Replace("<thead>", "", StringComparison.Ordinal));
        Assert.DoesNotMatch("<svg(?![^>]* role=\"img\" aria-label=\"[^\"]+\")", page);
        Assert.Single(Regex.Matches(page, "<h1>"));
        Assert.Contains("<html lang=\"en\">", page, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme: dark", page, StringComparison.Ordinal);
        Assert.Contains("width=device-width", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wide_table_is_listed_whole_and_its_cards_are_closed_and_bounded()
    {
        ColumnProfile[] columns = [.. Enumerable.Range(0, 3000).Select(i => Column(FormattableString.Invariant($"column{i}")))];
        QualityReport report = Report() with { Drift = [], Violations = [], Findings = [new(Severity.Warning, "column2999", "Look at this.")] };
        string page = Page(report, Profile(columns) with { Target = null });
        Assert.Equal(1000, Regex.Count(page, "<details class=\"card\""));
        Assert.DoesNotMatch("<details class=\"card\"[^>]* open", page);
        Assert.Equal(3000, Regex.Count(page, "<tr><th scope=\"row\">(<a[^>]*>)?<bdi>column"));
        Assert.Contains("id=\"c2999\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"c1500\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_report_is_a_page_too()
    {
        string page = Page(new QualityReport { RowsRead = 0, RowsKept = 0, RowsQuarantined = 0 }, new DataProfile { Rows = 0, Columns = [] });
        Assert.Contains("No problems found", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        AssertBalanced(page);
    }

    [Theory]
    [InlineData(0, "0%")]
    [InlineData(0.0004, "< 0.1%")]
    [InlineData(0.05, "5.0%")]
    [InlineData(0.3333, "33.3%")]
    [InlineData(0.9999, "> 99.9%")]
    [InlineData(1, "100%")]
    [InlineData(double.NaN, "–")]
    public void Shares_never_look_like_nothing_or_all_when_they_are_not(double share, string expected) => Assert.Equal(expected, Words.Percent(share));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1234567, "1,234,567")]
    [InlineData(12345.678, "12,346")]
    [InlineData(3.14159, "3.142")]
    [InlineData(-0.012345, "-0.01235")]
    [InlineData(0.000001234, "1.234e-6")]
    [InlineData(1e300, "1e+300")]
    public void Numbers_have_the_digits_that_count(double number, string expected) => Assert.Equal(expected, Words.Number(number));

    private static QualityReport Report() => new()
    {
        RowsRead = 10_000,
        RowsKept = 9_000,
        RowsQuarantined = 3,
        QuarantineReasons = [new("too-few-fields", 2), new("not-a-number", 1)],
        Steps = [new("drop-duplicates", 10_000, 9_000, "Dropped 1000 rows.")],
        Findings = [new(Severity.Error, "size", "Look at this."), new(Severity.Information, null, "By the way.")],
        Violations = [new(ContractBreach.OutOfRange, Severity.Error, "size", 3, "3 values are outside 0 to 1.")],
        BaselineVersion = 4,
        Drift = [new("size", 1.234, 0.5, true)],
        Poisoning = new() { AnomalousShare = 0.12, FlippedLabelShare = 0.03, Rows = 500, Suspicious = true, Examples = [new(17, 0.8, "label-flip")] },
        Sensitive = [new("size", SensitiveKind.Email, 12, MaskAction.Redact)],
        Rejected = "The data breaks a promise.",
    };

    private static DataProfile Profile(params ColumnProfile[] columns) => new()
    {
        Rows = 9_000,
        Columns = columns,
        Target = new()
        {
            Name = columns[^1].Name,
            Task = LearningTask.Classification,
            Classes = [new("no", 6_750), new("yes", 2_250)],
            LeakageSuspects = [new(columns[0].Name, 0.75, "It tells much.")],
        },
    };

    private static ColumnProfile Column(string name) => new()
    {
        Name = name,
        Kind = ColumnKind.Number,
        Count = 9_000,
        Missing = 900,
        Distinct = 20,
        Quantiles = [new(0.05, 0.1), new(0.25, 0.2), new(0.5, 0.5), new(0.75, 0.750), new(0.95, 0.9)],
        Histogram = new([0, 0.5, 1], [4_000, 4_100]),
    };

    private static string Page(QualityReport report, DataProfile profile)
    {
        using var output = new StringWriter();
        QualityPage.Write(output, report, profile);
        return output.ToString();
    }

    /// <summary>What is read on the page, without markup, each run of blanks as one.</summary>
    private static string TextOf(string page)
    {
        string body = Regex.Replace(page, "<(style|script|title)>.*?</\\1>", " ", RegexOptions.Singleline);
        return Blanks().Replace(WebUtility.HtmlDecode(Regex.Replace(body, "<[^>]*>", " ")), " ");
    }

    private static void AssertBalanced(string page)
    {
        var open = new Stack<string>();
        foreach (Match tag in Regex.Matches(Regex.Replace(page, "<(style|script)>.*?</\\1>", "", RegexOptions.Singleline), "<(/?)([a-z0-9]+)[^>]*?(/?)>"))
        {
            if (tag.Groups[3].Value == "/" || tag.Groups[2].Value is "meta" or "input")
                continue;
            if (tag.Groups[1].Value.Length == 0)
                open.Push(tag.Groups[2].Value);
            else
                Assert.Equal(open.Pop(), tag.Groups[2].Value);
        }
        Assert.Empty(open);
    }

    private static string Hash(string text) => "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    [GeneratedRegex("\\s+")]
    private static partial Regex Blanks();
}
