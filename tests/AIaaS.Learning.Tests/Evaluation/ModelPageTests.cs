using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;

namespace AIaaS.Learning.Tests.Evaluation;

public sealed partial class ModelPageTests
{
    private const string Hostile = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> & </style></svg>{{7*7}}";

    [Fact]
    public void Everything_that_is_known_of_a_classification_is_on_the_page()
    {
        var text = TextOf(Page(Classification()));

        string[] expected =
        [
            "Predicts species by gradient boosting", "learned from penguins version 3", "log-loss", "95%: 0.1 to 0.3", "0.2", "2 of them joined",
            "Right and wrong", "ROC curve", "Precision and recall", "Calibration", "held likely", "What it goes by", "bill length", "± 0.01", "By parts of the rows", "island",
            "random-forest", "It cannot be trained.", "pruned", "Seed 42", "learning-rate: 0.05", "'key' was left out", "60%",
        ];
        Assert.All(expected, words => Assert.Contains(words, text, StringComparison.Ordinal));
    }

    [Fact]
    public void A_regression_has_its_residuals_instead_of_classes()
    {
        var text = TextOf(Page(Regression()));

        Assert.All(["Predicted against true", "true, from 3,000 to 6,000", "Errors", "predicted less true, from -300 to 300"], words => Assert.Contains(words, text, StringComparison.Ordinal));
        Assert.All(["Right and wrong", "ROC curve", "held likely"], words => Assert.DoesNotContain(words, text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Hostile)]
    [InlineData("\"' onmouseover='alert(1)' x=\"")]
    [InlineData("</title></head><body onload=alert(1)>")]
    [InlineData("<!-- & --> &lt;b&gt;")]
    public void Whatever_names_and_values_hold_is_text_and_never_markup(string hostile)
    {
        var page = Page(Everywhere(hostile));

        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<!--", page, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(page, "</style>"));
        Assert.Single(Regex.Matches(page, "</title>\n"));
        Assert.DoesNotMatch("<[a-z]+[^>\"]*(\"[^\"]*\"[^>\"]*)* on[a-z]+=", page);
        AssertBalanced(page);
        // Every place is still readable.
        Assert.True(Regex.Count(WebUtility.HtmlDecode(page), Regex.Escape(hostile)) >= 20);
    }

    [Theory]
    [InlineData("Żółw 🐢")]
    [InlineData("größe (mm)")]
    [InlineData("נקבה")]
    [InlineData("👩‍👩‍👧")]
    public void Names_of_any_script_are_shown_as_they_are(string name)
    {
        var page = WebUtility.HtmlDecode(Page(Everywhere(name)));

        Assert.True(Regex.Count(page, Regex.Escape(name)) >= 20);
        Assert.DoesNotContain('\uFFFD', page);
    }

    [Fact]
    public void The_page_loads_nothing_and_runs_nothing()
    {
        var page = Page(Classification());
        var policy = WebUtility.HtmlDecode(Regex.Match(page, "Content-Security-Policy\" content=\"([^\"]*)\"").Groups[1].Value);
        var style = Regex.Match(page, "<style>(.*?)</style>", RegexOptions.Singleline).Groups[1].Value;

        Assert.Equal($"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)))}'; base-uri 'none'; form-action 'none'", policy);
        Assert.DoesNotMatch(" (src|style|on[a-z]+|action)=", page);
        Assert.DoesNotContain("url(", page, StringComparison.Ordinal);
        Assert.DoesNotContain("@import", page, StringComparison.Ordinal);
        Assert.DoesNotContain("://", page, StringComparison.Ordinal);
        Assert.All(Regex.Matches(page, "href=\"([^\"]*)\"").Select(match => match.Groups[1].Value), link => Assert.StartsWith("#", link, StringComparison.Ordinal));
    }

    [Fact]
    public void Links_lead_to_what_is_on_the_page()
    {
        var page = Page(Classification());
        var ids = Regex.Matches(page, " id=\"([^\"]*)\"").Select(match => match.Groups[1].Value).ToList();

        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.All(Regex.Matches(page, "href=\"#([^\"]*)\"").Select(match => match.Groups[1].Value), link => Assert.Contains(link, ids));
    }

    [Fact]
    public void It_follows_the_reader_s_light_or_dark_and_has_words_for_those_who_do_not_see()
    {
        var page = Page(Classification());

        Assert.Contains("<meta name=\"color-scheme\" content=\"light dark\">", page, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme: dark", page, StringComparison.Ordinal);
        Assert.Contains("<html lang=\"en\">", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("<svg(?![^>]*( role=\"img\" aria-label=\"[^\"]+\"| aria-hidden=\"true\"))", page);
        Assert.Single(Regex.Matches(page, "<h1>"));
    }

    [Fact]
    public void Each_class_has_its_key_beside_its_curve()
    {
        var page = Page(Classification());

        var roc = Regex.Match(page, "<h3>ROC curve</h3>.*?</figure>", RegexOptions.Singleline).Value;
        Assert.Equal(["k0", "k1", "k2"], Regex.Matches(roc, "class=\"curve (k[0-9])\"").Select(match => match.Groups[1].Value));
        Assert.Equal([("k0", "Adelie"), ("k1", "Chinstrap"), ("k2", "Gentoo")], Regex.Matches(roc, "class=\"key (k[0-9])\".*?</svg>([^<]*)</li>").Select(match => (match.Groups[1].Value, match.Groups[2].Value)));
    }

    [Fact]
    public void The_bars_of_features_are_as_long_as_they_are_important_and_no_longer_than_the_whole()
    {
        var page = Page(Classification());

        var bars = Regex.Match(page, "<section id=\"importance\">.*?</section>", RegexOptions.Singleline).Value;
        Assert.Equal(["100", "50", "0"], Regex.Matches(bars, "class=\"fill\" width=\"([0-9.]+)\"").Select(match => match.Groups[1].Value));
    }

    [Fact]
    public void Of_many_features_and_trials_the_first_are_shown_and_the_others_counted()
    {
        var (card, metrics, signature, board) = Classification();
        var page = Page((
            card,
            metrics with { Importance = [.. Enumerable.Range(0, 200).Select(i => new FeatureImportance($"x{i}", 200 - i, 1))] },
            signature,
            board with { Trials = [.. Enumerable.Range(1, 200).Select(i => Trial(i, "linear", TrialStatus.Succeeded, i))] }));

        Assert.Contains("and 170 more", page, StringComparison.Ordinal);
        Assert.True(page.Length < 200_000);
    }

    [Fact]
    public void Figures_that_cannot_be_computed_are_dashes_and_not_words_of_the_machine()
    {
        var (card, metrics, signature, board) = Classification();
        var page = Page((
            card,
            metrics with { Holdout = new Dictionary<string, double> { ["log-loss"] = double.PositiveInfinity }, Intervals = new Dictionary<string, MetricInterval> { ["log-loss"] = new(double.NaN, double.NaN) }, Importance = [new("x", -0.5, 0.1)] },
            signature,
            board));

        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Infinity", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("width=\"-", page);
    }

    [Fact]
    public void A_model_of_which_little_is_known_has_a_page_too()
    {
        var page = Page((
            new ModelCard { Name = "m", Task = LearningTask.Regression, Trainer = "linear", Trained = DateTimeOffset.UnixEpoch },
            new ModelMetrics { TrainingRows = 0, HoldoutRows = 0, Holdout = new Dictionary<string, double>() },
            new ModelSignature { Task = LearningTask.Regression, Inputs = [], Outputs = [] },
            new Leaderboard { Objective = "rmse", HigherIsBetter = false, Trials = [] }));

        AssertBalanced(page);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
    }

    private static (ModelCard Card, ModelMetrics Metrics, ModelSignature Signature, Leaderboard Board) Classification() => Everything(
        LearningTask.Classification, ["Adelie", "Chinstrap", "Gentoo"], name: "penguins", target: "species", features: ["bill length", "island", "sex"], slice: "island", trainer: "gradient-boosting", text: "'key' was left out");

    private static (ModelCard Card, ModelMetrics Metrics, ModelSignature Signature, Leaderboard Board) Regression()
    {
        var (card, metrics, signature, board) = Classification();
        return (
            card with { Task = LearningTask.Regression },
            metrics with
            {
                ConfusionMatrix = null,
                Calibration = null,
                Curves = null,
                Residuals = new ResidualSummary([-300, 0, 300], [12, 9], [[3000, 3100], [4500, 4400], [6000, 5900]]),
            },
            signature with { Target = new ModelTarget("mass", ColumnKind.Number) },
            board);
    }

    /// <summary>The same text wherever a data set or a user can put one.</summary>
    private static (ModelCard Card, ModelMetrics Metrics, ModelSignature Signature, Leaderboard Board) Everywhere(string text) =>
        Everything(LearningTask.Classification, [text, text + "2", text + "3"], text, text, [text, text + "2", text + "3"], text, text, text);

    private static (ModelCard, ModelMetrics, ModelSignature, Leaderboard) Everything(
        LearningTask task, string[] classes, string name, string target, string[] features, string slice, string trainer, string text)
    {
        JsonElement[] labels = [.. classes.Select(Json)];
        var holdout = new Dictionary<string, double> { ["accuracy"] = 0.95, ["log-loss"] = 0.2 };
        var points = new[] { new ThresholdPoint(0, 0.5, 1), new ThresholdPoint(0.2, 0.9, 0.8), new ThresholdPoint(1, 1, 0.5) };
        return (
            new ModelCard
            {
                Name = name,
                Task = task,
                Target = target,
                Trainer = trainer,
                Trained = DateTimeOffset.UnixEpoch,
                Dataset = name == target ? text : "penguins",
                DatasetVersion = 3,
                Run = text,
                Seed = 42,
                Hyperparameters = new Dictionary<string, JsonElement> { ["learning-rate"] = Json(0.05), [text] = Json(text) },
                Notes = [text],
            },
            new ModelMetrics
            {
                TrainingRows = 240,
                HoldoutRows = 60,
                Holdout = holdout,
                Intervals = new Dictionary<string, MetricInterval> { ["log-loss"] = new(0.1, 0.3) },
                ConfusionMatrix = [[20, 1, 0], [2, 15, 0], [0, 0, 22]],
                Importance = [new(features[0], 0.8, 0.01), new(features[1], 0.4, 0.02), new(features[2], -0.001, 0.03)],
                Slices = [new(slice, text, 30, holdout), new(slice, "(other)", 30, holdout)],
                Calibration = [new(0.1, 0.12, 30), new(0.9, 0.85, 30)],
                Curves = [.. labels.Select(label => new ThresholdCurve(label, points))],
            },
            new ModelSignature { Task = task, Inputs = [], Outputs = [], Target = new ModelTarget(target, ColumnKind.Category, labels) },
            new Leaderboard
            {
                Objective = "log-loss",
                HigherIsBetter = false,
                Members = [new(1, 0.6), new(2, 0.4)],
                Trials =
                [
                    Trial(1, trainer, TrialStatus.Succeeded, 0.2) with { Spec = new TrialSpec { Trial = 1, Trainer = trainer, Hyperparameters = new Dictionary<string, JsonElement> { [text] = Json(text) } } },
                    Trial(2, "linear", TrialStatus.Succeeded, 0.25),
                    Trial(3, "linear", TrialStatus.Pruned, null),
                    Trial(4, "random-forest", TrialStatus.Failed, null) with { Error = new ErrorDetail(name == target ? text : "It cannot be trained.", text) },
                ],
            });
    }

    private static TrialResult Trial(int number, string trainer, TrialStatus status, double? objective) =>
        new() { Spec = new TrialSpec { Trial = number, Trainer = trainer }, Status = status, Objective = objective, Seconds = 1.5 };

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);

    private static string Page((ModelCard Card, ModelMetrics Metrics, ModelSignature Signature, Leaderboard Board) model)
    {
        using var output = new StringWriter();
        ModelPage.Write(output, model.Card, model.Metrics, model.Signature, model.Board);
        return output.ToString();
    }

    /// <summary>What a reader sees, blanks as one.</summary>
    private static string TextOf(string page) =>
        Blanks().Replace(WebUtility.HtmlDecode(Regex.Replace(Regex.Replace(page, "<style>.*?</style>", "", RegexOptions.Singleline), "</?(?!code|strong|a)[a-z0-9]+[^>]*>", " ").Replace("<code>", "", StringComparison.Ordinal).Replace("</code>", "", StringComparison.Ordinal).Replace("<strong>", "", StringComparison.Ordinal).Replace("</strong>", "", StringComparison.Ordinal)), " ");

    private static void AssertBalanced(string page)
    {
        var open = new Stack<string>();
        foreach (Match tag in Regex.Matches(Regex.Replace(page, "<style>.*?</style>", "", RegexOptions.Singleline), "<(/?)([a-z0-9]+)[^>]*?(/?)>"))
        {
            if (tag.Groups[3].Value == "/" || tag.Groups[2].Value is "meta")
                continue;
            if (tag.Groups[1].Value.Length == 0)
                open.Push(tag.Groups[2].Value);
            else
                Assert.Equal(open.Pop(), tag.Groups[2].Value);
        }

        Assert.Empty(open);
    }

    [GeneratedRegex("\\s+")]
    private static partial Regex Blanks();
}
