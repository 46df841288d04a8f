using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace AIaaS.EndToEnd.Tests;

/// <summary>What becomes of a pipeline's wishes on training.</summary>
[Collection(HostCollection.Name)]
public sealed class TrainingTests(HostFixture host)
{
    [Fact]
    public async Task A_sweep_in_rounds_of_jobs_learns_from_texts_and_times()
    {
        var name = HostFixture.NewName("reviews");
        await host.Admin.PutAsync(
            $"/api/v1/pipelines/{name}",
            ApiClient.Text(
                """
                target: mood
                trainers: [linear, gradient-boosting]
                features: { dates: cyclic, columns: { amount: log } }
                sweep: { maxTrials: 4, maxConcurrent: 2, folds: 2 }
                evaluate: { slices: [weekday] }
                """,
                "application/yaml"),
            HttpStatusCode.Created);

        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, Reviews(300)));

        Assert.Equal("succeeded", run.GetProperty("status").GetString());
        var trials = run.GetProperty("leaderboard").EnumerateArray().ToArray();
        Assert.Equal([1, 2, 3, 4], trials.Select(trial => trial.GetProperty("trial").GetInt32()).Order());
        Assert.Equal(["gradient-boosting", "linear"], trials.Select(trial => trial.GetProperty("trainer").GetString()).Distinct().Order(StringComparer.Ordinal));
        var predictions = await host.Admin.PredictAsync(name, """
            {"rows":[
              {"visited":"2024-05-04T12:00:00Z","review":"LOVELY food, what a great evening","weekday":"sat","amount":30},
              {"review":"awful service and a bland soup"}
            ]}
            """);
        Assert.Equal(["happy", "unhappy"], predictions.EnumerateArray().Select(each => each.GetProperty("label").GetString()));

        var metrics = await host.Admin.GetAsync($"/api/v1/models/{name}/versions/1/metrics");
        Assert.Contains(metrics.GetProperty("slices").EnumerateArray(), slice => slice.GetProperty("value").GetString() == "sat");
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/models/{name}/versions/1/metrics");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/html"));
        using var page = await host.Admin.Http.SendAsync(request);
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.Contains("<svg", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_feature_that_is_not_there_ends_the_run_with_the_reason()
    {
        var name = HostFixture.NewName("feature");
        await host.Admin.PutAsync(
            $"/api/v1/pipelines/{name}", ApiClient.Text("target: mood\nfeatures: { columns: { colour: hash } }\n", "application/yaml"), HttpStatusCode.Created);

        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, Reviews(40)));

        Assert.Equal("failed", run.GetProperty("status").GetString());
        Assert.Contains("'colour'", run.GetProperty("error").GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task There_is_no_report_of_a_version_that_is_not_there()
    {
        using var answer = await host.Admin.Http.GetAsync($"/api/v1/models/{await host.PenguinsEndpointAsync()}/versions/999/metrics?format=html");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
    }

    private static string Reviews(int rows)
    {
        var random = new Random(rows);
        string[] praise = ["lovely", "great", "excellent", "delicious"];
        string[] blame = ["awful", "bland", "terrible", "cold"];
        string[] filler = ["food", "evening", "service", "soup", "table", "wine", "waiter", "kitchen", "dinner", "bread", "we", "had", "the", "with", "again"];
        var text = new StringBuilder("visited,review,weekday,amount,mood\n");
        for (var row = 0; row < rows; row++)
        {
            var isHappy = random.Next(2) == 0;
            var words = Enumerable.Range(0, 12).Select(_ => filler[random.Next(filler.Length)]).ToArray();
            words[random.Next(words.Length)] = (isHappy ? praise : blame)[random.Next(4)];
            var day = new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddDays(row);
            text.Append(CultureInfo.InvariantCulture, $"{day:yyyy-MM-dd}T{random.Next(24):00}:00:00Z,\"{string.Join(' ', words)} {row}\",{day.ToString("ddd", CultureInfo.InvariantCulture).ToLowerInvariant()},{Math.Exp(3 * random.NextDouble()):0.00},{(isHappy ? "happy" : "unhappy")}\n");
        }

        return text.ToString();
    }
}
