using AIaaS.Formats;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Http;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Datasets;

/// <summary>What data sets promise: <c>contract.json</c>, as it is got it can be put.</summary>
public sealed class ContractFunctions(DatasetContracts contracts)
{
    [Function("GetDatasetContract")]
    [RequiresRole(Role.Reader)]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/contract")] HttpRequest request,
        string dataset)
    {
        var document = await contracts.GetAsync(request.Tenant(), Names.Require(dataset, "dataset"), request.Aborted());
        return Reply.Document(request, document.ETag, document.Value.Contract);
    }

    [Function("PutDatasetContract")]
    [RequiresRole(Role.Trainer)]
    public async Task<IResult> PutAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/datasets/{dataset}/contract")] HttpRequest request,
        string dataset)
    {
        Names.Require(dataset, "dataset");
        var conditions = request.ReadWriteConditions();
        var contract = await request.ReadJsonAsync<DataContract>(request.Aborted());
        var (document, created) = await contracts.PutAsync(request.Tenant(), dataset, contract, conditions, request.Aborted());
        return Reply.Put(document.ETag, created, document.Value.Contract);
    }

    [Function("DeleteDatasetContract")]
    [RequiresRole(Role.Trainer)]
    public async Task<IResult> DeleteAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/datasets/{dataset}/contract")] HttpRequest request,
        string dataset)
    {
        await contracts.DeleteAsync(request.Tenant(), Names.Require(dataset, "dataset"), request.ReadWriteConditions().IfMatch, request.Aborted());
        return Reply.NoContent();
    }
}
