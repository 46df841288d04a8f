using System.Net;
using System.Net.Http.Headers;

namespace AIaaS.EndToEnd.Tests;

/// <summary>Writers of the same document see each other.</summary>
[Collection(HostCollection.Name)]
public sealed class ConcurrencyTests(HostFixture host)
{
    [Fact]
    public async Task Of_many_writers_that_change_the_same_version_one_wins()
    {
        var name = HostFixture.NewName("contended");
        var path = $"/api/v1/pipelines/{name}";
        using var made = await host.Admin.Http.PutAsync(path, Definition(0));
        var etag = made.Headers.ETag!;

        var statuses = await Task.WhenAll(Enumerable.Range(1, 16).Select(seed => PutAsync(path, seed, request => request.Headers.IfMatch.Add(etag))));

        Assert.Equal(1, statuses.Count(status => status == HttpStatusCode.OK));
        Assert.Equal(15, statuses.Count(status => status == HttpStatusCode.PreconditionFailed));
    }

    [Fact]
    public async Task Of_many_writers_that_make_the_same_thing_one_wins()
    {
        var path = $"/api/v1/pipelines/{HostFixture.NewName("made-once")}";

        var statuses = await Task.WhenAll(Enumerable.Range(1, 16).Select(seed => PutAsync(path, seed, request => request.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any))));

        Assert.Equal(1, statuses.Count(status => status == HttpStatusCode.Created));
        Assert.Equal(15, statuses.Count(status => status == HttpStatusCode.PreconditionFailed));
    }

    [Fact]
    public async Task Writers_without_conditions_all_succeed_and_one_of_them_is_last()
    {
        var path = $"/api/v1/pipelines/{HostFixture.NewName("unconditional")}";

        var statuses = await Task.WhenAll(Enumerable.Range(1, 16).Select(seed => PutAsync(path, seed, _ => { })));

        Assert.All(statuses, status => Assert.True(status is HttpStatusCode.OK or HttpStatusCode.Created));
        var definition = (await host.Admin.GetAsync(path)).GetProperty("definition");
        Assert.InRange(definition.GetProperty("split").GetProperty("seed").GetInt32(), 1, 16);
    }

    [Fact]
    public async Task A_reader_that_knows_the_version_gets_304()
    {
        var path = $"/api/v1/pipelines/{HostFixture.NewName("known")}";
        using var made = await host.Admin.Http.PutAsync(path, Definition(1));
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.IfNoneMatch.Add(made.Headers.ETag!);

        using var answer = await host.Admin.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotModified, answer.StatusCode);
    }

    private async Task<HttpStatusCode> PutAsync(string path, int seed, Action<HttpRequestMessage> condition)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, path) { Content = Definition(seed) };
        condition(request);
        using var answer = await host.Admin.Http.SendAsync(request);
        return answer.StatusCode;
    }

    private static StringContent Definition(int seed) => ApiClient.Text($"split: {{ seed: {seed} }}\n", "application/yaml");
}
