using System.Net;
using System.Text.Json;

namespace AIaaS.EndToEnd.Tests;

/// <summary>Predictions otherwise than as JSON objects, and why they are as they are.</summary>
[Collection(HostCollection.Name)]
public sealed class NativePredictionTests(HostFixture host)
{
    [Fact]
    public async Task Rows_as_csv_and_as_arrays_are_answered_as_objects_are()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        var header = HostFixture.Penguins[..HostFixture.Penguins.IndexOf('\n', StringComparison.Ordinal)].Trim().Split(',');
        var signature = await SignatureAsync(endpoint);
        var target = signature.GetProperty("target").GetProperty("name").GetString();
        var features = signature.GetProperty("inputs").EnumerateArray().Select(f => f.GetProperty("name").GetString()!).ToArray();
        var cells = HostFixture.Penguins.Split('\n')[1].Trim().Split(',');
        var values = features.Select(f => cells[Array.IndexOf(header, f)]).ToArray();

        var csv = await SendAsync(endpoint, $"{string.Join(',', features)}\n{string.Join(',', values)}\n", "text/csv");
        var columns = await SendAsync(
            endpoint, $"{{\"columns\":{JsonSerializer.Serialize(features)},\"rows\":[[{string.Join(',', values.Select(Cell))}]]}}", "application/json");

        Assert.DoesNotContain(target, features);
        Assert.Equal(csv.GetProperty("predictions").GetRawText(), columns.GetProperty("predictions").GetRawText());
        Assert.Equal(1, csv.GetProperty("predictions").GetArrayLength());
    }

    [Fact]
    public async Task A_trained_models_attributions_add_up_to_its_probabilities()
    {
        var endpoint = await host.PenguinsEndpointAsync();

        var alone = await SendAsync(endpoint, """{"rows":[{}]}""", "application/json", "explanations?evaluations=2000");
        var beside = await SendAsync(endpoint, """{"rows":[{}]}""", "application/json", "predictions?explain&evaluations=2000");

        var explanation = alone.GetProperty("explanations")[0];
        var probabilities = beside.GetProperty("predictions")[0].GetProperty("probabilities");
        foreach (var label in probabilities.EnumerateObject())
        {
            var sum = explanation.GetProperty("baseValue").GetProperty(label.Name).GetDouble()
                + explanation.GetProperty("attributions").EnumerateObject().Sum(f => f.Value.GetProperty(label.Name).GetDouble());
            Assert.Equal(label.Value.GetDouble(), sum, 1e-5);
        }

        Assert.Equal(explanation.GetRawText(), beside.GetProperty("explanations")[0].GetRawText());
    }

    [Theory]
    [InlineData("text/plain", "hello", 415)]
    [InlineData("image/png", "not an image", 415)]
    [InlineData("application/xml", "<rows/>", 415)]
    [InlineData("text/csv", "nothing,of,this\n1,2,3", 400)]
    public async Task What_the_model_cannot_take_is_refused(string type, string body, int status)
    {
        var endpoint = await host.PenguinsEndpointAsync();

        using var answer = await host.Admin.Http.PostAsync($"/api/v1/endpoints/{endpoint}/predictions", ApiClient.Text(body, type));

        Assert.Equal(status, (int)answer.StatusCode);
    }

    private static string Cell(string cell)
        => cell.Length == 0 ? "null" : double.TryParse(cell, System.Globalization.CultureInfo.InvariantCulture, out _) ? cell : JsonSerializer.Serialize(cell);

    private async Task<JsonElement> SignatureAsync(string endpoint)
    {
        var model = (await host.Admin.GetAsync($"/api/v1/endpoints/{endpoint}")).GetProperty("model").GetString();
        return await host.Admin.GetAsync($"/api/v1/models/{model}/versions/1/signature");
    }

    private async Task<JsonElement> SendAsync(string endpoint, string body, string type, string call = "predictions")
    {
        using var answer = await host.Admin.Http.PostAsync($"/api/v1/endpoints/{endpoint}/{call}", ApiClient.Text(body, type));
        return await ApiClient.ReadAsync(answer, HttpStatusCode.OK);
    }
}
