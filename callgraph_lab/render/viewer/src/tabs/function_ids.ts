/** Which node of graphs a function of the payload is, by its number or by its name and place. */
import { nodeNames } from "../model/names";
import type { Payload } from "../payload";

export class FunctionIds {
  private readonly idOf: string[];
  private readonly byPlace = new Map<string, number>();

  constructor(payload: Payload) {
    const names = nodeNames(payload.functions, payload.slices[0]?.threads ?? []);
    this.idOf = payload.functions.map((_, index) => names.ids[names.nodeOfFunction[index] as number] as string);
    payload.functions.forEach((info, index) => {
      const place = placeKey(info.name, info.file, info.line);
      if (!this.byPlace.has(place)) this.byPlace.set(place, index);
    });
  }

  of(functionIndex: number): string | undefined {
    return this.idOf[functionIndex];
  }

  at(name: string, file: string, line: number): string | undefined {
    const index = this.byPlace.get(placeKey(name, file, line));
    return index === undefined ? undefined : this.idOf[index];
  }
}

function placeKey(name: string, file: string, line: number): string {
  return JSON.stringify([name, file, line]);
}
